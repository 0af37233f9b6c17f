/* Maildir, Maildir++ and nested layouts: what the format is called, offers and keeps. */
#include "maildir.h"

const haul_format_option haul_maildir_options[] = {
    {"maildir-layout", "maildir++|fs", "maildir++", "Maildir++ (.A.B beside cur) or nested directories"},
    {"maildir-names", "mutf7|utf8", "mutf7", "folder names in modified UTF-7, as servers expect, or UTF-8"},
    {NULL, NULL, NULL, NULL},
};

/* Names that the layout, Dovecot and Courier use beside folders [maildir-19]. */
static const char *const fs_reserved[] = {"cur",
                                          "new",
                                          "tmp",
                                          "subscriptions",
                                          "maildirfolder",
                                          "dovecot-acl",
                                          "dovecot-keywords",
                                          "dovecot-uidlist",
                                          "courierimapkeywords",
                                          NULL};
/* ".mailhaul" beside cur/ is the journal's place. */
static const char *const plus_reserved[] = {"mailhaul", NULL};

#define NAMING(reserved_octets, names, seven)                                                                \
    {                                                                                                        \
        .reserved = (reserved_octets), .escape = '\\', .first = ".~", .last = "", .component_max = 240,      \
        .mutf7 = (seven), .reserved_names = (names), .inbox_root = true                                      \
    }

const haul_naming haul_maildir_naming[2][2] = {
    {NAMING("./\\", plus_reserved, true), NAMING("./\\", plus_reserved, false)},
    {NAMING("/\\", fs_reserved, true), NAMING("/\\", fs_reserved, false)},
};

static const char *const layout_dirs[] = {"cur", "new", "tmp", NULL};

const haul_format haul_format_maildir = {
    .name = "maildir",
    .title = "Maildir, Maildir++ and nested layouts",
    .suffixes = "maildir",
    .reader = &haul_maildir_reader,
    .sink = &haul_maildir_sink,
    .layout_dirs = layout_dirs,
    .options = haul_maildir_options,
    .keeps_flags = HAUL_FLAG_ALL,
    .keeps_keywords = true,
    .keeps_received = true,
    .keeps_folders = true,
    .keeps_empty_folders = true,
};
