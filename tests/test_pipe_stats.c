#include "pipe/stats.h"

#include "base/time.h"
#include "pipe/report.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct item {
    const char *when; /* "" = undated */
    haul_kind kind;
    uint64_t octets;
    const char *folder, *head;
} item;

static const item items[] = {
    {"2019-12-31T23:59:59Z", HAUL_KIND_MAIL, 3999, "A",
     "From: Ada <ADA@x.org>\nTo: ben@x.org, Cleo <cleo@x.org>\n\n"},
    {"2020-01-01", HAUL_KIND_MAIL, 4000, "A/B",
     "From: ada@x.org\nSender: ada@x.org\nTo: ben@x.org\nCc: BEN@x.org\n\n"},
    {"2020-01-31", HAUL_KIND_CALENDAR, 63999999, "A B",
     "From: ben@x.org\r\nTo: \"a, b\" <ada@x.org>,\r\n cleo@x.org\r\n\r\nTo: no@x.org\n"},
    {"", HAUL_KIND_NOTE, 64000000, "A", "Subject: none of them\n\n"},
    {"1969-12-31T23:59:59Z", HAUL_KIND_MAIL, 0, "A", "To: Group: ben@x.org, dora@x.org;\n\n"},
};

static void add(haul_stats *s, const item *i)
{
    haul_msg *m = haul_msg_new();
    int64_t us = 0;
    m->kind = i->kind;
    if (*i->when) {
        cr_assert(haul_iso_parse(i->when, &us));
        haul_msg_received(m, us, 0);
    }
    haul_stats_add(s, m, i->folder, i->octets, i->head, strlen(i->head));
    haul_msg_unref(m);
}

static json_t *stats_of(const size_t *order)
{
    haul_auto(haul_stats) *s = haul_stats_new();
    for (size_t i = 0; i < HAUL_COUNT(items); i++)
        add(s, &items[order[i]]);
    return haul_stats_json(s);
}

static void expect(const json_t *o, const char *key, const char *wanted)
{
    json_t *want = json_loads(wanted, JSON_DECODE_ANY, NULL);
    const json_t *got = json_object_get(o, key);
    char *text = got ? json_dumps(got, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    cr_assert(want, "%s", wanted);
    cr_expect(json_equal(got, want), "%s: %s", key, text ? text : "absent");
    free(text);
    json_decref(want);
}

Test(stats, months_sizes_kinds_people_and_folders)
{
    static const size_t order[] = {0, 1, 2, 3, 4};
    json_t *o = stats_of(order);
    expect(o, "months",
           "[{\"month\":\"1969-12\",\"items\":1,\"octets\":0},{\"month\":\"2019-12\",\"items\":1,\"octets\":"
           "3999},"
           "{\"month\":\"2020-01\",\"items\":2,\"octets\":64003999}]");
    expect(o, "undated", "1");
    expect(o, "kinds", "{\"mail\":3,\"calendar\":1,\"note\":1}");
    expect(o, "correspondents",
           "[{\"address\":\"ben@x.org\",\"sent\":1,\"received\":3},{\"address\":\"ada@x.org\",\"sent\":2,"
           "\"received\":1},"
           "{\"address\":\"cleo@x.org\",\"sent\":0,\"received\":2},{\"address\":\"dora@x.org\",\"sent\":0,"
           "\"received\":1}]");
    expect(o, "addresses", "4");
    expect(o, "folders",
           "[{\"path\":\"A\",\"items\":3,\"octets\":64003999,\"oldest\":\"1969-12-31T23:59:59Z\",\"newest\":"
           "\"2019-12-31T23:59:59Z\"},"
           "{\"path\":\"A/"
           "B\",\"items\":1,\"octets\":4000,\"oldest\":\"2020-01-01T00:00:00Z\",\"newest\":\"2020-01-01T00:"
           "00:00Z\"},"
           "{\"path\":\"A "
           "B\",\"items\":1,\"octets\":63999999,\"oldest\":\"2020-01-31T00:00:00Z\",\"newest\":\"2020-01-"
           "31T00:00:00Z\"}]");
    const json_t *sizes = json_object_get(o, "sizes");
    static const unsigned counts[] = {2, 1, 0, 0, 0, 0, 0, 1, 1};
    cr_assert_eq(json_array_size(sizes), HAUL_COUNT(counts));
    for (size_t i = 0; i < HAUL_COUNT(counts); i++)
        cr_expect_eq(haul_json_number(json_array_get(sizes, i), "items"), counts[i], "class %zu", i);
    json_decref(o);
}

Test(stats, the_order_of_items_does_not_matter)
{
    static const size_t orders[][5] = {{0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {2, 0, 4, 1, 3}};
    char *first = NULL;
    for (size_t i = 0; i < HAUL_COUNT(orders); i++) {
        json_t *o = stats_of(orders[i]);
        char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
        if (first)
            cr_expect_str_eq(text, first);
        else
            first = text;
        if (text != first)
            free(text);
        json_decref(o);
    }
    free(first);
}

/* The sixty-first address of three hundred is as frequent as the others: the first by name are shown. */
Test(stats, at_most_fifty_people)
{
    haul_auto(haul_stats) *s = haul_stats_new();
    char head[64];
    for (unsigned i = 300; i-- > 0;) {
        (void)snprintf(head, sizeof(head), "From: p%03u@x.org\n%s\n", i, i == 250 ? "To: p250@x.org\n" : "");
        add(s, &(item){"2020-01-01", HAUL_KIND_MAIL, 1, "A", head});
    }
    json_t *o = haul_stats_json(s);
    const json_t *list = json_object_get(o, "correspondents");
    cr_expect_eq(json_array_size(list), HAUL_STATS_SHOWN);
    cr_expect_str_eq(haul_json_text(json_array_get(list, 0), "address"), "p250@x.org");
    cr_expect_str_eq(haul_json_text(json_array_get(list, 1), "address"), "p000@x.org");
    cr_expect_str_eq(haul_json_text(json_array_get(list, 49), "address"), "p048@x.org");
    expect(o, "addresses", "300");
    json_decref(o);
}

/* More addresses than are told apart: the rest is counted together. Past the most of one message nothing is looked at. */
Test(stats, addresses_are_bounded)
{
    haul_auto(haul_stats) *s = haul_stats_new();
    haul_auto_str head = {0};
    unsigned each = HAUL_STATS_PARTIES + 5, n = 0;
    for (unsigned part = 0; part < HAUL_STATS_CORRESPONDENTS / HAUL_STATS_PARTIES + 1; part++) {
        haul_str_clear(&head);
        haul_str_addz(&head, "To: ");
        for (unsigned i = 0; i < each; i++)
            haul_str_addf(&head, "%s%x@y", i ? "," : "", n++);
        haul_str_addz(&head, "\n\n");
        add(s, &(item){"2020-01-01", HAUL_KIND_MAIL, 1, "A", head.p});
    }
    json_t *o = haul_stats_json(s);
    cr_expect_eq(haul_json_number(o, "addresses"), HAUL_STATS_CORRESPONDENTS);
    expect(o, "more", "{\"sent\":0,\"received\":10000}");
    json_decref(o);
}
