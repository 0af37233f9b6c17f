/* Any octets as what a server sends: replies, whole and in pieces; their tokens and first words; and as a set of UIDs, a name
 * and a date. The first octet says how long the pieces are. */
#include "imap/fetch.h"
#include "imap/grammar.h"
#include "imap/keywords.h"
#include "imap/names.h"
#include "imap/uids.h"
#include "imap/wire.h"

#include "fuzz.h"

typedef struct sink {
    haul_out out;
    haul_str text;
} sink;

static haul_rc sink_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(&((sink *)(void *)o)->text, p, n);
    return HAUL_OK;
}

static void check_tokens(haul_span s)
{
    haul_imap_tokens t = {0};
    size_t steps = 0;
    haul_imap_tokens_init(&t, s);
    while (haul_imap_step(&t) != HAUL_IMAP_END) {
        check(++steps <= s.len && t.p <= t.end);
        check(t.text.len <= s.len);
    }
    check(haul_imap_step(&t) == HAUL_IMAP_END);
    haul_imap_tokens_init(&t, s);
    for (steps = 0; haul_imap_pass(&t); steps++)
        check(steps <= s.len);
    haul_imap_tokens_done(&t);
}

static void check_flags(haul_span s)
{
    haul_msg *m = haul_msg_new();
    haul_imap_flag_into(m, s.p, s.len);
    haul_msg_unref(m);
}

static void check_fetch(haul_span rest)
{
    haul_fetch f = {0};
    if (haul_fetch_parse(rest, &f)) {
        check(f.uid > 0);
        check(f.flags.len <= rest.len + 1 && f.message_id.len <= rest.len);
        (void)haul_fetch_print(&f);
        (void)haul_fetch_has(&f, "\\Seen", 5);
    }
    haul_fetch_done(&f);
}

static void check_reply(const char *p, size_t n)
{
    haul_imap_reply r = {0};
    haul_auto_str name = {0}, wire = {0};
    int64_t us = 0;
    int tz = 0;
    if (!haul_imap_reply_parse((haul_span){p, n}, &r))
        return;
    check(r.tag.len > 0 && r.rest.len <= n && r.code.len <= n);
    check(r.rest.p >= p && r.rest.p + r.rest.len <= p + n);
    check_tokens(r.rest);
    check_tokens((haul_span){r.code.p ? r.code.p : "", r.code.len});
    check_flags(r.rest);
    check_fetch(r.rest);
    if (haul_imap_date_read(r.rest.p, r.rest.len, &us, &tz))
        check(tz > -6001 && tz < 6001);
    if (haul_imap_mailbox_read(r.rest.p, r.rest.len, false, &name)) {
        check_text(haul_strz(&name));
        check(haul_imap_mailbox(haul_strz(&name), false, &wire));
        check(!strpbrk(wire.p, "\r\n"));
    }
}

/* One reply after the other; lines and bodies joined. */
static haul_rc read_all(const char *p, size_t n, size_t step, haul_str *lines, haul_str *bodies)
{
    sink body = {.out = {.write = sink_write}};
    haul_imap_reader r = {.body = &body.out};
    haul_rc rc = HAUL_OK;
    for (size_t at = 0; at < n && rc == HAUL_OK;) {
        size_t used = 0, len = n - at < step ? n - at : step;
        bool done = false;
        haul_err e;
        rc = haul_imap_read(&r, p + at, len, &used, &done, &e);
        check(rc == HAUL_OK ? used > 0 && used <= len : *e.text != 0);
        at += used;
        if (rc != HAUL_OK || !done)
            continue;
        check(r.line.len <= HAUL_IMAP_LINE_MAX);
        check_reply(r.line.p, r.line.len);
        haul_str_add(lines, r.line.p, r.line.len);
        haul_str_addc(lines, r.has_body ? 1 : 0);
        haul_imap_reader_next(&r);
    }
    haul_str_add(bodies, haul_strz(&body.text), body.text.len);
    haul_str_done(&body.text);
    haul_imap_reader_done(&r);
    return rc;
}

static bool count(void *ctx, uint32_t uid)
{
    size_t *n = ctx;
    check(uid > 0);
    return ++*n < 1000;
}

static void check_set(const char *p, size_t n)
{
    haul_uids s = {0}, again = {0};
    haul_auto_str text = {0};
    size_t each = 0;
    bool ok = haul_uids_parse(&s, (haul_span){p, n});
    for (size_t i = 0; i < s.n; i++) {
        check(s.v[i].first >= 1 && s.v[i].first <= s.v[i].last);
        check(i == 0 || s.v[i - 1].last + 1 < s.v[i].first);
    }
    haul_uids_write(&s, &text);
    check(haul_uids_parse(&again, (haul_span){haul_strz(&text), text.len}));
    check(again.n == s.n && haul_uids_count(&again) == haul_uids_count(&s));
    check(haul_uids_each((haul_span){p, n}, count, &each) == (ok && each < 1000));
    haul_uids_done(&s);
    haul_uids_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str a = {0}, b = {0}, one = {0}, two = {0};
    if (!size)
        return 0;
    const char *p = (const char *)data + 1;
    haul_rc whole = read_all(p, size - 1, SIZE_MAX, &a, &one);
    haul_rc pieces = read_all(p, size - 1, (size_t)data[0] % 16 + 1, &b, &two);
    check(whole == pieces && a.len == b.len && one.len == two.len);
    check(!a.len || memcmp(a.p, b.p, a.len) == 0);
    check(!one.len || memcmp(one.p, two.p, one.len) == 0);
    check_set(p, size - 1);
    return 0;
}
