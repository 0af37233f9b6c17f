/* IMAP servers as a target: the two vtables, and nothing else. The work is in upload.c and settle.c. */
#include "model/format.h"

const haul_format haul_format_imap = {.name = "imap",
                                      .title = "IMAP server (upload and verify)",
                                      .suffixes = "",
                                      .schemes = "imaps|imap",
                                      .ports = "993|143"};
