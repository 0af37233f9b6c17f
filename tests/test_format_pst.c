/* Outlook stores: docs/formats/pst.md. Numbers of items are those of PST_COUNTS.tsv (other readers), the rest is written
 * from the specification. The stores of tests/pst_make are compared rule by rule in check_pst_rules.py. */
#include "pst/crypt.h"
#include "pst/mend.h"
#include "pst/pst.h"
#include "pst/view.h"
#include "testing.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORES HAUL_CORPUS "/pst/"

static const haul_format *pst(void)
{
    return haul_format_find("pst");
}

static haul_prop binary(uint16_t id, const void *p, size_t n)
{
    return (haul_prop){.id = id, .type = HAUL_PT_BINARY, .p = p, .n = n};
}

/* ── roles ── */

Test(pst_roles, entry_ids)
{
    uint8_t folder[24] = {[4] = 0xaa, [20] = 0x82, 0x80}; /* MS-PST 2.4.3.2: node 0x8082, a folder */
    uint8_t search[24] = {[20] = 0x23, 0x22};             /* node type 3 */
    uint8_t exchange[46] = {[20] = 1, [38] = 0, 0, 0, 0, 1, 0x0d};
    uint8_t public[46] = {[20] = 3, [43] = 0x0d};
    cr_expect_eq(haul_pst_entry(folder, sizeof(folder)), 0x8082u);
    cr_expect_eq(haul_pst_entry(folder, sizeof(folder) - 1), 0);
    cr_expect_eq(haul_pst_entry(search, sizeof(search)), 0);
    cr_expect_eq(haul_pst_entry(exchange, sizeof(exchange)), HAUL_PST_KEY_EXCHANGE | 0x10du);
    cr_expect_eq(haul_pst_entry(public, sizeof(public)), 0);
    cr_expect_eq(haul_pst_entry(NULL, 0), 0);
}

Test(pst_roles, the_first_entry_id_counts)
{
    uint8_t sent[24] = {[20] = 0xc2, 0x80}, calendar[24] = {[20] = 0x22, 0x81},
            other[24] = {[20] = 0x42, 0x81};
    haul_arena a = {0};
    haul_bag store = {0}, root = {0}, inbox = {0};
    haul_pst_roles r = {0};
    haul_prop p = binary(0x35e4, sent, sizeof(sent));
    haul_bag_add(&store, &a, &p);
    p = binary(0x36d0, calendar, sizeof(calendar));
    haul_bag_add(&root, &a, &p);
    p = binary(0x36d0, other, sizeof(other));
    haul_bag_add(&inbox, &a, &p);
    haul_pst_roles_store(&r, &store);
    cr_expect(haul_pst_roles_folder(&r, &root));
    cr_expect(haul_pst_roles_folder(&r, &inbox));
    cr_expect(!haul_pst_roles_folder(&r, &store));
    cr_expect_eq(haul_pst_role_of(&r, 0x80c2), HAUL_ROLE_SENT);
    cr_expect_eq(haul_pst_role_of(&r, 0x8122), HAUL_ROLE_CALENDAR);
    cr_expect_eq(haul_pst_role_of(&r, 0x8142), HAUL_ROLE_NONE);
    haul_arena_done(&a);
}

/* MS-OXOSFLD 2.2.4: the fifth of PidTagAdditionalRenEntryIds. Layout of the multi-value: MS-PST 2.3.3.4.2. */
Test(pst_roles, junk_is_the_fifth)
{
    uint8_t v[4 + 5 * 4 + 24] = {5, [4] = 24, [8] = 24, [12] = 24, [16] = 24, [20] = 24, [44] = 0xe2, 0x81};
    haul_arena a = {0};
    haul_bag inbox = {0};
    haul_pst_roles r = {0};
    haul_prop p = {.id = 0x36d8, .type = HAUL_PT_MULTI | HAUL_PT_BINARY, .p = v, .n = sizeof(v)};
    haul_bag_add(&inbox, &a, &p);
    haul_pst_roles_folder(&r, &inbox);
    cr_expect_eq(haul_pst_role_of(&r, 0x81e2), HAUL_ROLE_JUNK);
    haul_arena_done(&a);
}

Test(pst_roles, folder_ids_of_an_ost)
{
    static const uint8_t local[8] = {0, 0, 0, 0, 0, 0, 0, 0x0c}, given[8] = {1, 0, 0, 0, 0, 0, 1, 0x1d};
    haul_arena a = {0};
    haul_bag inbox = {0}, junk = {0};
    haul_pst_roles r = {0};
    haul_prop p = {.id = 0x67f4, .type = HAUL_PT_I64, .p = local, .n = 8};
    haul_bag_add(&inbox, &a, &p);
    p.p = given;
    haul_bag_add(&junk, &a, &p);
    haul_pst_roles_ost(&r);
    cr_expect_eq(haul_pst_role_of(&r, haul_pst_folder_id(&inbox)), HAUL_ROLE_INBOX);
    cr_expect_eq(haul_pst_folder_id(&junk), HAUL_PST_KEY_EXCHANGE | 0x11du);
    haul_arena_done(&a);
}

Test(pst_roles, classes)
{
    cr_expect_eq(haul_pst_role_class("IPF.Appointment"), HAUL_ROLE_CALENDAR);
    cr_expect_eq(haul_pst_role_class("ipf.stickynote"), HAUL_ROLE_NOTES);
    cr_expect_eq(haul_pst_role_class("IPF.Note"), HAUL_ROLE_NONE);
    cr_expect_eq(haul_pst_role_class("IPF.Contact.MOC.QuickContacts"), HAUL_ROLE_NONE);
    cr_expect_eq(haul_pst_role_class(NULL), HAUL_ROLE_NONE);
}

/* ── the view ── */

Test(pst_view, repairs_show_at_any_cut)
{
    uint8_t file[1000], want[1000], got[1000];
    for (size_t i = 0; i < sizeof(file); i++)
        want[i] = file[i] = (uint8_t)(i * 7);
    const char *path = testing_path("view");
    testing_write(path, file, sizeof(file));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    haul_view v;
    haul_view_init(&v, fd, sizeof(file));
    static const struct {
        uint64_t at;
        uint8_t n;
    } patches[] = {{996, 4}, {0, 3}, {500, 8}, {4, 1}};
    for (size_t i = 0; i < HAUL_COUNT(patches); i++) {
        memset(want + patches[i].at, 0xee, patches[i].n);
        cr_assert(haul_view_patch_add(&v, patches[i].at, want + patches[i].at, patches[i].n));
    }
    for (size_t step = 1; step < 40; step += 3)
        for (size_t at = 0; at < sizeof(file); at += step) {
            size_t n = step < sizeof(file) - at ? step : sizeof(file) - at;
            cr_assert_eq(haul_view_read(&v, at, got, step), (ssize_t)n);
            cr_assert_arr_eq(got, want + at, n, "%zu octets at %zu", n, at);
        }
    cr_expect_eq(haul_view_read(&v, sizeof(file), got, 1), 0);
    cr_expect_eq(haul_view_read(&v, UINT64_MAX, got, 1), 0);
    haul_view_done(&v);
    close(fd);
}

/* Forwards, backwards, in ten places in turn, anywhere; in pieces that no window ends with. */
static size_t place_of(size_t i, size_t size)
{
    switch (i / 1000) {
    case 0:
        return i * 600;
    case 1:
        return size - 1 - (i - 1000) * 600;
    case 2:
        return i % 10 * 60000 + i / 10 * 100;
    default:
        return haul_fnv64(&i, sizeof(i), 1) % size;
    }
}

Test(pst_view, any_order_of_reading)
{
    static uint8_t file[700000], got[sizeof(file)];
    for (size_t i = 0; i < sizeof(file); i++)
        file[i] = (uint8_t)(i * 7 + i / 1000);
    const char *path = testing_path("windows");
    testing_write(path, file, sizeof(file));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    haul_view v;
    haul_view_init(&v, fd, sizeof(file));
    const uint8_t *before = NULL; /* a repair shows in what was read before it, too */
    cr_assert_eq(haul_view_read(&v, 345000, got, 1000), 1000);
    cr_assert_eq(haul_view_look(&v, 345000, 1000, &before), 1000);
    memset(file + 345678, 0xee, HAUL_VIEW_PATCH);
    cr_assert(haul_view_patch_add(&v, 345678, file + 345678, HAUL_VIEW_PATCH));
    cr_assert_eq(haul_view_look(&v, 345000, 1000, &before), 1000);
    cr_expect_eq(before[678], 0xee);
    for (size_t i = 0; i < 4000; i++) {
        const uint8_t *p = NULL;
        size_t n = haul_fnv64(&i, sizeof(i), 2) % (i % 50 ? 9000u : 2 * HAUL_VIEW_LOOK);
        size_t at = place_of(i, sizeof(file));
        size_t want = n < sizeof(file) - at ? n : sizeof(file) - at;
        cr_assert_eq(haul_view_read(&v, at, got, n), (ssize_t)want);
        cr_assert_arr_eq(got, file + at, want, "%zu octets at %zu", want, at);
        if (n > HAUL_VIEW_LOOK)
            continue;
        cr_assert_eq(haul_view_look(&v, at, n, &p), (ssize_t)want);
        cr_assert_arr_eq(p, file + at, want, "%zu octets at %zu", want, at);
    }
    haul_view_done(&v);
    close(fd);
}

/* MS-PST 5.1: the first octets of the box R are 65, 54, 19; 5.2 worked by hand for key 0 and octet 0: R gives 65, S of
 * 65 is 80, I of 80 is where R has 80: 185. */
Test(pst_crypt, boxes)
{
    uint8_t p[3] = {0, 1, 2}, zero[1] = {0};
    haul_crypt_encode(HAUL_CRYPT_PERMUTE, 0, 0, p, sizeof(p));
    cr_expect(p[0] == 65 && p[1] == 54 && p[2] == 19);
    haul_crypt_decode(HAUL_CRYPT_PERMUTE, 0, p, sizeof(p), p);
    cr_expect(p[0] == 0 && p[1] == 1 && p[2] == 2);
    haul_crypt_encode(HAUL_CRYPT_CYCLIC, 0, 0, zero, 1);
    cr_expect_eq(zero[0], 185, "%u", zero[0]);
}

Test(pst_crypt, any_part_of_a_block)
{
    static const uint8_t methods[] = {HAUL_CRYPT_NONE, HAUL_CRYPT_PERMUTE, HAUL_CRYPT_CYCLIC};
    for (size_t m = 0; m < HAUL_COUNT(methods); m++) {
        uint8_t whole[700], plain[700];
        for (size_t i = 0; i < sizeof(whole); i++)
            whole[i] = plain[i] = (uint8_t)(i * 31);
        haul_crypt_encode(methods[m], 0x1234abcdu, 0, whole, sizeof(whole));
        for (size_t from = 0; from + 7 <= sizeof(whole); from += 5) {
            uint8_t part[7];
            memcpy(part, plain + from, sizeof(part));
            haul_crypt_encode(methods[m], 0x1234abcdu, from, part, sizeof(part));
            cr_assert_arr_eq(part, whole + from, sizeof(part), "method %zu at %zu", m, from);
        }
        haul_crypt_decode(methods[m], 0x1234abcdu, whole, sizeof(whole), whole);
        cr_expect_arr_eq(whole, plain, sizeof(whole));
    }
}

/* Whatever a processor takes at once: every length, and no octet behind it. */
Test(pst_crypt, any_length)
{
    uint8_t plain[300], stored[300], got[301];
    for (size_t i = 0; i < sizeof(plain); i++)
        stored[i] = plain[i] = (uint8_t)(i * 11);
    haul_crypt_encode(HAUL_CRYPT_PERMUTE, 0, 0, stored, sizeof(stored));
    for (size_t from = 0; from < 70; from += 23)
        for (size_t n = 0; from + n <= sizeof(plain); n++) {
            memset(got, 0x5a, sizeof(got));
            haul_crypt_decode(HAUL_CRYPT_PERMUTE, 0, stored + from, n, got);
            cr_assert_arr_eq(got, plain + from, n, "%zu octets at %zu", n, from);
            cr_assert_eq(got[n], 0x5a, "%zu octets at %zu", n, from);
        }
}

/* ── recognising ── */

Test(pst, probe)
{
    static const struct {
        const char *head;
        size_t n;
        bool is;
    } rows[] = {
        {"!BDN\1\2\3\4SM\x17\0", 12, true},           {"!BDN\1\2\3\4SO\x24\0", 12, true},
        {"!BDN\1\2\3\4AB\x0e\0", 12, true},           {"!BDN\1\2\3\4SM", 10, false},
        {"!BDM\1\2\3\4SM\x17\0", 12, false},          {"From x\nTo: y\n", 13, false},
        {"!BDM\1\2\3\4SM\x17\0\x13\0\1\1", 16, true},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_probe p = {.label = "a.pst", .head = rows[i].head, .head_len = rows[i].n};
        cr_expect_eq(pst()->reader->probe(&p) > 0, rows[i].is, "row %zu", i);
    }
}

/* ── stores of the corpus ── */

static bool store_path(const char *part, const char **ret)
{
    static char path[1024];
    DIR *d = opendir(STORES);
    *ret = NULL;
    for (struct dirent *f; d && (f = readdir(d));)
        if (strstr(f->d_name, part)) {
            snprintf(path, sizeof(path), "%s%s", STORES, f->d_name);
            *ret = path;
        }
    if (d)
        closedir(d);
    return *ret != NULL;
}

static size_t lines(const char *text, const char *start)
{
    size_t n = 0, len = strlen(start);
    for (const char *p = text; p && *p; p = strchr(p, '\n'), p += p != NULL)
        n += strncmp(p, start, len) == 0;
    return n;
}

static bool has_line(const char *text, const char *start)
{
    return lines(text, start) > 0;
}

Test(pst_corpus, every_item_is_found)
{
    static const struct {
        const char *store;
        size_t items;
    } rows[] = {
        {"enron.pst", 71},
        {"pstextractortest@outlook.com.ost", 183}, /* 4k pages: others find 47 */
        {"pstextractortestpdf@outlook.com.ost", 162},
        {"outlook__passwordprotectedPST.pst", 18}, /* 14 of them in Deleted Items */
        {"mooijtech__go-pst__data__32-bit.pst", 1},
        {"support.pst", 17},
        {"dist-list.pst", 4},
        {"MapiNoteToPST_out.pst", 3},
        {"sample@c574296.ost", 5},
        {"examples__Empty.pst", 0},
    };
    const char *path;
    if (!store_path("enron", &path))
        return; /* no corpus here */
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        cr_assert(store_path(rows[i].store, &path), "%s", rows[i].store);
        char *dump = testing_dump(pst(), path, NULL);
        cr_expect_eq(lines(dump, "M "), rows[i].items, "%s: %zu", rows[i].store, lines(dump, "M "));
        cr_expect_eq(lines(dump, "S "), 0, "%s", rows[i].store);
        free(dump);
    }
}

Test(pst_corpus, roles)
{
    static const struct {
        const char *store, *line;
    } rows[] = {
        {"outlook__Outlook.pst", "F Inbox inbox"},
        {"outlook__Outlook.pst", "F Deleted Items trash"},
        {"outlook__Outlook.pst", "F Junk E-mail junk"},
        {"outlook__Outlook.pst", "F Calendar calendar"},
        {"outlook__Outlook.pst", "F Store root/Freebusy Data"},
        {"pstextractortest@outlook.com.ost", "F Sent Items sent"},
        {"pstextractortest@outlook.com.ost", "F Junk Email junk"},
        {"pstextractortest@outlook.com.ost", "F Drafts drafts"},
        {"alpha-beta-gamma-delta.pst",
         "F \xe5\x89\x8a\xe9\x99\xa4\xe6\xb8\x88\xe3\x81\xbf"}, /* Japanese: Deleted… */
        {"support.pst", "F Attivit\xc3\xa0 tasks"},
    };
    const char *path;
    if (!store_path("enron", &path))
        return; /* no corpus here */
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        cr_assert(store_path(rows[i].store, &path), "%s", rows[i].store);
        char *dump = testing_dump(pst(), path, NULL);
        cr_expect(has_line(dump, rows[i].line), "%s: %s", rows[i].store, rows[i].line);
        free(dump);
    }
}

/* A copy of a store with some octets changed. */
static const char *changed(const char *from, size_t at, uint8_t with, size_t n)
{
    size_t size = 0;
    char *data = testing_read(from, &size);
    const char *path = testing_path("changed.pst");
    cr_assert(data && at + n <= size);
    for (size_t i = 0; i < n; i++)
        data[at + i] = (char)((uint8_t)data[at + i] ^ with);
    testing_write(path, data, size);
    free(data);
    return path;
}

Test(pst_corpus, a_header_with_a_wrong_checksum_is_believed)
{
    static const size_t places[] = {4, 500,
                                    524}; /* the first checksum; padding under the second; the second */
    const char *path;
    if (!store_path("enrondata__pstsdk__test__sample1.pst", &path))
        return; /* no corpus here */
    for (size_t i = 0; i < HAUL_COUNT(places); i++) {
        char *dump = testing_dump(pst(), changed(path, places[i], 0x10, 1), NULL);
        cr_expect_eq(lines(dump, "M "), 1, "octet %zu", places[i]);
        free(dump);
    }
}

/* Some octet of each kilobyte flipped: what is still given is either as before, or says that it is damaged. */
Test(pst_corpus, no_change_goes_unseen)
{
    const char *path;
    size_t size = 0, changes = 0;
    if (!store_path("enrondata__pstsdk__test__sample1.pst", &path))
        return; /* no corpus here */
    free(testing_read(path, &size));
    char *before = testing_dump(pst(), path, NULL);
    const char *message = strstr(before, "M ");
    for (size_t at = 20000; at < size; at += 1021) {
        char *dump = testing_dump(pst(), changed(path, at, 0x40, 1), NULL);
        const char *m = dump ? strstr(dump, "M ") : NULL;
        bool same = m && strcmp(m, message) == 0;
        changes += m && !same;
        cr_expect(!m || same || strstr(m, "pst.") || strstr(m, "mapi."), "octet %zu: %s", at, m);
        free(dump);
    }
    cr_expect_gt(changes, 0, "nothing was hit");
    free(before);
}

/* ── repairs ── */

static void count_note(void *ctx, haul_issue_id id, const char *text)
{
    (void)id;
    (void)text;
    ++*(size_t *)ctx;
}

/* Go through the nodes that a store usually has. */
static size_t mend_all(const char *path, size_t *ret_nodes)
{
    static const unsigned types[] = {HAUL_NID_FOLDER, HAUL_NID_ITEM, HAUL_NID_ASSOCIATED, 0x0d, 0x0e};
    size_t size = 0, notes = 0;
    free(testing_read(path, &size));
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    haul_view v, over;
    haul_nodes r;
    haul_view_init(&v, fd, size);
    haul_view_init(&over, fd, size);
    *ret_nodes = 0;
    if (haul_nodes_open(&r, &v, NULL) == HAUL_OK)
        for (uint32_t base = 0x20; base < 0x204000; base += base == 0xa000 ? 0x1f6000 : 0x20)
            for (size_t t = 0; t < HAUL_COUNT(types); t++) {
                haul_node n;
                *ret_nodes += haul_nodes_find(&r, base | types[t], &n, NULL) == HAUL_OK;
                haul_mend_node(&r, &over, base | types[t], count_note, &notes);
            }
    haul_nodes_done(&r);
    haul_view_done(&v);
    haul_view_done(&over);
    close(fd);
    return notes;
}

Test(pst_corpus, what_is_sound_is_not_mended)
{
    static const char *const stores[] = {"enron.pst", "32-bit.pst", "support.pst", "submessage.pst",
                                         "sample@c574296.ost"};
    const char *path;
    size_t nodes;
    if (!store_path("enron", &path))
        return; /* no corpus here */
    for (size_t i = 0; i < HAUL_COUNT(stores); i++) {
        cr_assert(store_path(stores[i], &path));
        size_t notes = mend_all(path, &nodes);
        cr_expect_eq(notes, 0, "%s: %zu", stores[i], notes);
        cr_expect_gt(nodes, 10, "%s", stores[i]);
    }
}

Test(pst_corpus, anything_can_be_mended)
{
    static const char *const stores[] = {"32-bit.pst", "submessage.pst"};
    const char *path;
    size_t size = 0, nodes, notes = 0;
    if (!store_path("enron", &path))
        return; /* no corpus here */
    for (size_t i = 0; i < HAUL_COUNT(stores); i++) {
        cr_assert(store_path(stores[i], &path));
        free(testing_read(path, &size));
        for (size_t at = 180; at + 16 < size; at += size / 60)
            notes += mend_all(changed(path, at, 0xff, 16), &nodes);
    }
    cr_expect_gt(notes, 0, "nothing was hit");
}

/* ── trees of stores ── */

Test(pst_corpus, each_store_of_a_tree_is_a_top_folder)
{
    const char *path;
    size_t size = 0;
    if (!store_path("enrondata__pstsdk__test__sample1.pst", &path))
        return; /* no corpus here */
    char *data = testing_read(path, &size);
    const char *dir = testing_path("tree");
    testing_write(testing_path("tree/one.pst"), data, size);
    testing_write(testing_path("tree/deeper/two.PST"), data, size);
    testing_write(testing_path("tree/notes.txt"), "nothing", 7);
    char *dump = testing_dump(pst(), dir, NULL);
    cr_expect(has_line(dump, "F one/Sample1"), "%s", dump);
    cr_expect(has_line(dump, "F deeper/two/Sample1"), "%s", dump);
    cr_expect_eq(lines(dump, "M "), 2);
    free(dump);
    free(data);
}
