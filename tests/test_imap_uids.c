/* Sets of UIDs against the plainest model there is, and what servers write in their place. */
#include "imap/uids.h"

#include "base/err.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static haul_span span(const char *z)
{
    return (haul_span){z, strlen(z)};
}

static char *written(const haul_uids *s)
{
    haul_str to = {0};
    haul_uids_write(s, &to);
    return to.p ? to.p : haul_strdup("");
}

/* Sorted, disjoint, not touching. */
static void is_sound(const haul_uids *s)
{
    for (size_t i = 0; i < s->n; i++) {
        cr_assert(s->v[i].first >= 1 && s->v[i].first <= s->v[i].last);
        cr_assert(i == 0 || s->v[i - 1].last + 1 < s->v[i].first, "%u and %u", (unsigned)s->v[i - 1].last,
                  (unsigned)s->v[i].first);
    }
}

static const struct {
    const char *text, *written; /* NULL: it is none */
    uint64_t count;
} sets[] = {
    {"", "", 0},
    {"7", "7", 1},
    {"1:4000,4010", "1:4000,4010", 4001},
    {"3:1", "1:3", 3},
    {"5,4,3,2,1", "1:5", 5},
    {"1,3,5,2,4", "1:5", 5},
    {"1:3,2:5,7", "1:5,7", 6},
    {"1:10,3:4", "1:10", 10},
    {"3:4,1:10", "1:10", 10},
    {"1,1,1", "1", 1},
    {"4294967295", "4294967295", 1},
    {"4294967295,4294967294", "4294967294:4294967295", 2},
    {"1:4294967295", "1:4294967295", UINT64_C(4294967295)},
    {"1:4294967295,5", "1:4294967295", UINT64_C(4294967295)},
    {"0", NULL, 0},
    {"0:5", NULL, 0},
    {"5:0", NULL, 0},
    {"4294967296", NULL, 0},
    {"1:4294967296", NULL, 0},
    {"99999999999999999999", NULL, 0},
    {"*", NULL, 0},
    {"1:*", NULL, 0},
    {",", NULL, 0},
    {",1", NULL, 0},
    {"1,,2", NULL, 0},
    {"1:", NULL, 0},
    {":1", NULL, 0},
    {"1:2:3", NULL, 0},
    {"1 2", NULL, 0},
    {"-1", NULL, 0},
    {"1x", NULL, 0},
};

Test(imap_uids, sets_read_and_written)
{
    for (size_t i = 0; i < HAUL_COUNT(sets); i++) {
        haul_uids s = {0};
        bool ok = haul_uids_parse(&s, span(sets[i].text));
        cr_expect_eq(ok, sets[i].written != NULL, "%s", sets[i].text);
        is_sound(&s);
        if (ok && sets[i].written) {
            char *got = written(&s);
            cr_expect_str_eq(got, sets[i].written, "%s", sets[i].text);
            cr_expect_eq(haul_uids_count(&s), sets[i].count, "%s", sets[i].text);
            free(got);
        }
        haul_uids_done(&s);
        cr_expect(s.n == 0 && !s.v);
    }
}

Test(imap_uids, every_cut_and_flip_is_sound)
{
    static const char octets[] = "0129:,*- \xff";
    for (size_t i = 0; i < HAUL_COUNT(sets); i++) {
        size_t n = strlen(sets[i].text);
        for (size_t at = 0; at <= n; at++)
            for (size_t k = 0; k < sizeof(octets); k++) {
                char *text = haul_strdup(sets[i].text);
                haul_uids s = {0};
                if (at < n)
                    text[at] = octets[k] ? octets[k] : text[at];
                (void)haul_uids_parse(&s, (haul_span){text, octets[k] ? n : at});
                is_sound(&s);
                haul_uids_done(&s);
                free(text);
            }
    }
}

/* Random additions and removals against an array of booleans. */
Test(imap_uids, against_a_plain_model)
{
    enum { N = 64 };
    uint32_t seed = 1;
    for (int round = 0; round < 400; round++) {
        bool in[N + 2] = {0};
        haul_uids s = {0};
        for (int step = 0; step < 30; step++) {
            seed = seed * 1664525u + 1013904223u;
            uint32_t a = seed >> 16 & (N - 1), b = a + (seed >> 8 & 7);
            b = b > N ? N : b;
            if (seed >> 28 & 3) {
                haul_uids_add(&s, a, b);
                for (uint32_t u = a; a && u <= b; u++)
                    in[u] = true;
            } else {
                haul_uids_remove(&s, a);
                in[a] = false;
            }
            is_sound(&s);
        }
        uint64_t count = 0;
        for (uint32_t u = 0; u <= N + 1; u++) {
            cr_assert_eq(haul_uids_has(&s, u), in[u], "round %d: %u", round, (unsigned)u);
            count += in[u];
        }
        cr_assert_eq(haul_uids_count(&s), count);
        haul_uids again = {0};
        char *text = written(&s);
        cr_assert(haul_uids_parse(&again, span(text)));
        cr_assert(again.n == s.n && (!s.n || memcmp(again.v, s.v, s.n * sizeof(*s.v)) == 0), "%s", text);
        free(text);
        haul_uids_done(&again);
        haul_uids_done(&s);
    }
}

Test(imap_uids, nonsense_is_not_added)
{
    haul_uids s = {0};
    haul_uids_add(&s, 0, 5);
    haul_uids_add(&s, 5, 4);
    haul_uids_remove(&s, 5);
    cr_expect_eq(s.n, 0);
    cr_expect_not(haul_uids_has(&s, 0));
    haul_uids_done(&s);
}

/* ── APPENDUID: one after the other, in the order of the text ── */

typedef struct taken {
    uint32_t uid[8];
    size_t n, want;
} taken;

static bool take(void *ctx, uint32_t uid)
{
    taken *t = ctx;
    if (t->n >= t->want)
        return false;
    t->uid[t->n++] = uid;
    return true;
}

Test(imap_uids, in_the_order_of_sending)
{
    static const struct {
        const char *text;
        size_t want; /* messages sent */
        bool whole;
        size_t n;
        uint32_t uid[8];
    } rows[] = {
        {"3955:3957", 3, true, 3, {3955, 3956, 3957}},
        {"3957:3955", 3, true, 3, {3955, 3956, 3957}}, /* a range is a range */
        {"9,4,7", 3, true, 3, {9, 4, 7}},
        {"4,4", 2, true, 2, {4, 4}},                 /* Gmail: equal messages are one */
        {"1:2", 3, true, 2, {1, 2}},                 /* too short */
        {"1:5", 3, false, 3, {1, 2, 3}},             /* too long */
        {"1:4294967295", 3, false, 3, {1, 2, 3}},    /* much too long, and no loop of an hour */
        {"1:3,2:4", 6, true, 6, {1, 2, 3, 2, 3, 4}}, /* overlapping */
        {"4294967294:4294967295", 2, true, 2, {4294967294u, 4294967295u}},
        {"", 2, true, 0, {0}},
        {"1,x", 2, false, 1, {1}},
        {"0:2", 2, false, 0, {0}},
        {"4294967296", 1, false, 0, {0}},
        {"*", 1, false, 0, {0}},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        taken t = {.want = rows[i].want};
        cr_expect_eq(haul_uids_each(span(rows[i].text), take, &t), rows[i].whole, "%s", rows[i].text);
        cr_assert_eq(t.n, rows[i].n, "%s", rows[i].text);
        cr_expect(memcmp(t.uid, rows[i].uid, t.n * sizeof(*t.uid)) == 0, "%s", rows[i].text);
    }
}

/* A hundred thousand single UIDs, in order and in the worst order. */
Test(imap_uids, many)
{
    haul_uids up = {0}, down = {0};
    for (uint32_t i = 1; i <= 100000; i++)
        haul_uids_add(&up, i * 2, i * 2);
    for (uint32_t i = 20000; i >= 1; i--)
        haul_uids_add(&down, i * 2, i * 2);
    cr_expect_eq(up.n, 100000);
    cr_expect_eq(down.n, 20000);
    is_sound(&up);
    is_sound(&down);
    haul_uids_add(&up, 1, 300000);
    cr_expect_eq(up.n, 1);
    haul_uids_done(&up);
    haul_uids_done(&down);
}
