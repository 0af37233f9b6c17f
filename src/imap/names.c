#include "imap/names.h"

#include "base/utf.h"
#include "imap/grammar.h"

#include <string.h>

#define COMPONENT_MAX                                                                                        \
    200u /* octets in modified UTF-7; servers take 255 of a file name, some of them a whole path */

typedef struct preset_row {
    const char *reserved, *first; /* besides what is so for all */
    const char *const *reserved_names, *const *reserved_top;
    bool fold_case;
} preset_row;

static const char *const dots[] = {".", "..", "dbox-Mails", NULL};
/* Labels that the server has itself; CREATE answers NO. INBOX is none of them: what is called so belongs there. */
static const char *const gmail_labels[] = {
    "[Gmail]", "[Google Mail]", "[Imap]",    "Sent",      "Drafts", "Draft",     "Trash", "Bin",
    "Spam",    "All Mail",      "Starred",   "Important", "Chat",   "Chats",     "Muted", "Read",
    "Unread",  "Snoozed",       "Scheduled", "Phishing",  "All",    "Sent Mail", NULL};
static const char *const cyrus_top[] = {"Other Users", "Shared Folders", NULL};
static const char *const exchange_names[] = {"Files", NULL};

static const preset_row rows[HAUL_IMAP_PRESET_COUNT] = {
    [HAUL_IMAP_PRESET_GENERIC] = {"\"\\", ".", dots, NULL, false},
    [HAUL_IMAP_PRESET_DOVECOT] = {"", ".", dots, NULL, false},
    [HAUL_IMAP_PRESET_CYRUS] = {"!\"\\;<>^`{|}", ".", dots, cyrus_top, false},
    [HAUL_IMAP_PRESET_GMAIL] = {"^", "\\", NULL, gmail_labels, true},
    [HAUL_IMAP_PRESET_EXCHANGE] = {"\\", "", NULL, exchange_names, true},
};

static const char *const preset_names[] = {
#define X(id, name) name,
    HAUL_IMAP_PRESET_LIST(X)
#undef X
};

const char *haul_imap_preset_name(haul_imap_preset p)
{
    return preset_names[(size_t)p < HAUL_IMAP_PRESET_COUNT ? p : HAUL_IMAP_PRESET_GENERIC];
}

bool haul_imap_preset_find(const char *name, haul_imap_preset *ret)
{
    for (size_t i = 0; i < HAUL_IMAP_PRESET_COUNT; i++)
        if (haul_icmp(preset_names[i], name) == 0) {
            *ret = (haul_imap_preset)i;
            return true;
        }
    return false;
}

const haul_naming *haul_imap_naming(haul_imap_preset p, char separator, bool below, haul_arena *a)
{
    const preset_row *row = &rows[(size_t)p < HAUL_IMAP_PRESET_COUNT ? p : HAUL_IMAP_PRESET_GENERIC];
    const char mark[2] = {separator, 0};
    haul_naming *n = haul_arena_calloc(a, sizeof(*n));
    *n = (haul_naming){
        .reserved = haul_arena_printf(a, "/*%%%s%s", separator != '/' ? mark : "", row->reserved),
        .escape = '=',
        .first = haul_arena_printf(a, " #~%s", row->first),
        .last = " ",
        .fold_case = row->fold_case,
        .component_max = COMPONENT_MAX,
        .mutf7 = true,
        .reserved_names = row->reserved_names,
        .reserved_top = below ? NULL : row->reserved_top,
        .net_unicode = true,
        .inbox_root = true,
        .inbox_once = true,
    };
    return n;
}

bool haul_imap_mailbox(const char *name, bool utf8, haul_str *to)
{
    haul_auto_str coded = {0};
    if (!haul_utf8_valid(name, strlen(name)))
        return false;
    if (utf8)
        return haul_imap_astring(name, strlen(name), true, to);
    haul_mutf7_encode(&coded, name);
    return haul_imap_astring(haul_strz(&coded), coded.len, false, to);
}

bool haul_imap_mailbox_read(const char *p, size_t n, bool utf8, haul_str *to)
{
    haul_auto_str name = {0}, plain = {0};
    if (memchr(p, 0, n) || !haul_utf8_valid(p, n))
        return false;
    haul_str_add(&name, p, n);
    if (!utf8 && haul_mutf7_decode(&plain, haul_strz(&name)))
        haul_str_add(to, haul_strz(&plain), plain.len);
    else
        haul_str_add(to, haul_strz(&name), name.len);
    return true;
}
