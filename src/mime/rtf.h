/* What an RTF body was made from: HTML or plain text encapsulated in it, or text drawn out of real RTF.
 * Source: MS-OXRTFEX. */
#ifndef HAUL_MIME_RTF_H
#define HAUL_MIME_RTF_H

#include "base/str.h"

#define HAUL_RTF_DEPTH_MAX 1024u /* groups in one another; deeper ones are passed over */

typedef enum haul_rtf_kind {
    HAUL_RTF_NONE, /* not RTF at all */
    HAUL_RTF_HTML, /* \fromhtml1: the HTML as UTF-8 */
    HAUL_RTF_TEXT, /* \fromtext: the text as UTF-8 */
    HAUL_RTF_REAL, /* neither: its text, drawn out, as UTF-8; headers, footers and hidden text are left out */
} haul_rtf_kind;

typedef struct haul_rtf_info {
    bool guessed;   /* some octets did not decode in the code page that the document names */
    bool truncated; /* ended inside a group, or goes on behind the outermost one */
    bool objects;   /* real RTF with pictures or objects that the text cannot show */
} haul_rtf_info;

/* Append the content to `to`. codepage: for documents that name none (0 = 1252). Line ends: "\r\n". Where \htmlrtf
 * stands for an attachment, "\objattph" is left out (HTML references it by cid) but marked ' ' in text. */
haul_rtf_kind haul_rtf_extract(const char *p, size_t n, unsigned codepage, haul_str *to, haul_rtf_info *ret);

#endif
