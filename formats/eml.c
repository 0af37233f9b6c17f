/* EML: what the format is called, offers and keeps, and how it is recognised. */
#include "eml.h"

#include "base/time.h"
#include "base/utf.h"
#include "mime/header.h"

#include <string.h>

const haul_format_option haul_eml_options[] = {
    {"eol", "keep|crlf|lf", "keep", "line ends of EML files: as they came, CRLF or LF"},
    {NULL, NULL, NULL, NULL},
};

/* Names that Windows, macOS and Linux all hold; ".mbox" directories are Apple Mail's [eml-14]. */
const haul_naming haul_eml_naming = {
    .reserved = "/\\:*?\"<>|",
    .escape = '%',
    .first = ". ",
    .last = ". ",
    .windows_devices = true,
    .fold_case = true,
    .component_max = 120,
    .suffixes = ".mbox",
    .inbox_root = true,
};

const haul_format haul_format_eml = {
    .name = "eml",
    .title = "EML files and trees; reads .emlx and MH folders, too",
    .suffixes = ".eml",
    .reader = &haul_eml_reader,
    .sink = &haul_eml_sink,
    .options = haul_eml_options,
    .keeps_received = true,
    .keeps_folders = true,
    .keeps_empty_folders = true,
};

int haul_eml_score(const char *p, size_t n)
{
    static const char *const known[] = {"from",
                                        "to",
                                        "cc",
                                        "date",
                                        "subject",
                                        "message-id",
                                        "received",
                                        "return-path",
                                        "mime-version",
                                        "content-type",
                                        "delivered-to",
                                        "reply-to",
                                        "sender",
                                        "x-mailer",
                                        "in-reply-to",
                                        "references",
                                        "dkim-signature",
                                        "x-received",
                                        "newsgroups",
                                        "path",
                                        "resent-from",
                                        "envelope-to",
                                        "content-transfer-encoding"};
    unsigned found = 0;
    int score = 0;
    size_t end = 0;
    bool clean = true;
    haul_field f;
    if (!haul_header_like(p, n))
        return 0;
    for (size_t pos = 0; haul_header_next(p, n, &pos, &f) && score < 64;) {
        clean = clean && f.start == end;
        end = f.end;
        for (size_t i = 0; i < HAUL_COUNT(known); i++)
            if (!(found >> i & 1) && haul_span_is(f.name, known[i])) {
                found |= 1u << i;
                score += 8;
            }
    }
    /* A whole section of nothing but fields, and its empty line, weighs as much as one more known name. */
    return score + (score && clean && end && haul_header_length(p, n) > end ? 8 : 0);
}

static bool digits(const char *p, size_t n, int *ret)
{
    *ret = 0;
    for (size_t i = 0; i < n; i++) {
        if (!haul_is_digit((unsigned char)p[i]))
            return false;
        *ret = *ret * 10 + (p[i] - '0');
    }
    return true;
}

bool haul_eml_name_time(const char *name, bool *ret_known, int64_t *ret_us)
{
    haul_civil c = {0};
    size_t n = strlen(name);
    if (n < 37 || name[8] != 'T' || name[15] != 'Z' || name[16] != '-' || !haul_ends(name, ".eml") ||
        (n > 37 && name[33] != '-'))
        return false;
    for (size_t i = 17; i < 33; i++)
        if (haul_hexval((unsigned char)name[i]) < 0)
            return false;
    if (!digits(name, 4, &c.year) || !digits(name + 4, 2, &c.month) || !digits(name + 6, 2, &c.day) ||
        !digits(name + 9, 2, &c.hour) || !digits(name + 11, 2, &c.minute) || !digits(name + 13, 2, &c.second))
        return false;
    *ret_known = c.year > 0;
    if (*ret_known && !haul_civil_ok(&c))
        return false;
    *ret_us = *ret_known ? haul_civil_to(&c) * HAUL_US : 0;
    return true;
}

/* Outside ASCII: what is no letter, digit or mark of any script, and what could mislead a reader. */
static bool is_symbol(uint32_t cp)
{
    static const struct {
        uint32_t from, to;
    } ranges[] = {{0x80, 0xa9},       {0xab, 0xb4},       {0xb6, 0xb9},     {0xbb, 0xbf},
                  {0xd7, 0xd7},       {0xf7, 0xf7},       {0x61c, 0x61c},   {0x180e, 0x180e},
                  {0x2000, 0x206f},   {0x20a0, 0x20cf},   {0x2100, 0x2bff}, {0x2e00, 0x2e7f},
                  {0x3000, 0x3004},   {0x3008, 0x3020},   {0x3030, 0x3030}, {0xe000, 0xf8ff},
                  {0xfdd0, 0xfdef},   {0xfe00, 0xfe6f},   {0xfeff, 0xfeff}, {0xff00, 0xff0f},
                  {0xff1a, 0xff20},   {0xff3b, 0xff40},   {0xff5b, 0xff65}, {0xffe0, 0xffff},
                  {0x1f000, 0x1faff}, {0xe0000, 0x10ffff}};
    for (size_t i = 0; i < HAUL_COUNT(ranges); i++)
        if (cp >= ranges[i].from && cp <= ranges[i].to)
            return true;
    return false;
}

static bool in_slug(uint32_t cp)
{
    if (cp < 0x80)
        return haul_is_digit((int)cp) || haul_is_alpha((int)cp);
    return !is_symbol(cp);
}

void haul_eml_slug(const char *subject, haul_str *to)
{
    haul_auto_str text = {0};
    size_t n = subject ? strlen(subject) : 0;
    for (size_t at = 0; at < n && text.len <= HAUL_EML_SLUG_MAX;) {
        uint32_t cp = 0;
        size_t len = haul_utf8_next(subject + at, n - at, &cp);
        if (len && in_slug(cp))
            haul_str_add(&text, subject + at, len);
        else if (text.len && text.p[text.len - 1] != '-')
            haul_str_addc(&text, '-');
        at += len ? len : 1;
    }
    size_t cut = haul_utf8_cut(haul_strz(&text), text.len, HAUL_EML_SLUG_MAX);
    while (cut && text.p[cut - 1] == '-')
        cut--;
    haul_str_add(to, haul_strz(&text), cut);
}
