#include "imap/fetch.h"

#include "base/hash.h"
#include "imap/grammar.h"

#include <string.h>

static void clear(haul_fetch *f)
{
    haul_str_clear(&f->flags);
    haul_str_clear(&f->message_id);
    *f = (haul_fetch){.flags = f->flags, .message_id = f->message_id};
}

void haul_fetch_done(haul_fetch *f)
{
    haul_str_done(&f->flags);
    haul_str_done(&f->message_id);
}

static void take_flags(haul_imap_tokens *t, haul_fetch *f)
{
    f->has_flags = haul_imap_step(t) == HAUL_IMAP_OPEN;
    while (f->has_flags && haul_imap_step_flag(t))
        haul_str_add(&f->flags, haul_strz(&t->text), t->text.len + 1);
}

/* Ten values; the last is the message id (RFC 3501 7.4.2). */
static void take_envelope(haul_imap_tokens *t, haul_fetch *f)
{
    if (haul_imap_step(t) != HAUL_IMAP_OPEN)
        return;
    for (int i = 0; i < 9; i++)
        if (!haul_imap_pass(t))
            return;
    if (haul_imap_step(t) == HAUL_IMAP_STRING)
        haul_str_add(&f->message_id, haul_strz(&t->text), t->text.len);
    (void)haul_imap_step(t);
}

static void take_date(haul_imap_tokens *t, haul_fetch *f)
{
    f->has_date = haul_imap_step(t) == HAUL_IMAP_STRING &&
                  haul_imap_date_read(haul_strz(&t->text), t->text.len, &f->date_us, &f->tz_min);
}

/* One name and its value; false where the rest is not understood. */
static bool take_one(haul_imap_tokens *t, haul_fetch *f)
{
    uint64_t n = 0;
    if (haul_imap_token_is(t, "UID")) {
        if (haul_imap_step_number(t, &n) && n <= HAUL_IMAP_UID_MAX)
            f->uid = (uint32_t)n;
    } else if (haul_imap_token_is(t, "RFC822.SIZE")) {
        f->has_size = haul_imap_step_number(t, &f->size);
    } else if (haul_imap_token_is(t, "INTERNALDATE")) {
        take_date(t, f);
    } else if (haul_imap_token_is(t, "FLAGS")) {
        take_flags(t, f);
    } else if (haul_imap_token_is(t, "ENVELOPE")) {
        take_envelope(t, f);
    } else {
        return haul_imap_pass(t);
    }
    return true;
}

bool haul_fetch_parse(haul_span rest, haul_fetch *ret)
{
    haul_imap_tokens t = {0};
    clear(ret);
    haul_imap_tokens_init(&t, rest);
    haul_imap_step(&t);
    bool fetch = haul_imap_token_is(&t, "FETCH") && haul_imap_step(&t) == HAUL_IMAP_OPEN;
    while (fetch && haul_imap_step(&t) == HAUL_IMAP_ATOM && take_one(&t, ret))
        ;
    haul_imap_tokens_done(&t);
    return fetch && ret->uid != 0;
}

bool haul_fetch_has(const haul_fetch *f, const char *flag, size_t n)
{
    const char *p = haul_strz(&f->flags);
    for (size_t i = 0; i < f->flags.len; i += strlen(p + i) + 1)
        if (strlen(p + i) == n && haul_span_is((haul_span){flag, n}, p + i))
            return true;
    return false;
}

/* Exclusive or: the order does not matter, and no flag comes twice. */
static uint64_t print_of(const char *p, size_t n)
{
    haul_auto_str low = {0};
    for (size_t i = 0; i < n; i++)
        haul_str_addc(&low, (char)haul_lower((unsigned char)p[i]));
    return !n || haul_span_is((haul_span){p, n}, "\\Recent") ? 0 : haul_fnv64(low.p, low.len, 0);
}

uint64_t haul_flags_print(const char *text, char between)
{
    uint64_t print = 0;
    for (const char *p = text; *p;) {
        const char *end = strchr(p, between);
        size_t n = end ? (size_t)(end - p) : strlen(p);
        print ^= print_of(p, n);
        p += n + (end != NULL);
    }
    return print;
}

uint64_t haul_fetch_print(const haul_fetch *f)
{
    uint64_t print = 0;
    const char *p = haul_strz(&f->flags);
    for (size_t i = 0; i < f->flags.len; i += strlen(p + i) + 1)
        print ^= print_of(p + i, strlen(p + i));
    return print;
}
