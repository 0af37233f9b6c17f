#include "imap/grammar.h"
#include "imap/keywords.h"
#include "imap/names.h"

#include "base/time.h"
#include "base/utf.h"

#include <criterion/criterion.h>
#include <glib.h>
#include <string.h>

/* ── folder names ── */

typedef struct name_row {
    haul_imap_preset preset;
    char separator;
    haul_name_level level;
    const char *name, *escaped;
} name_row;

#define ROW(preset, separator, level, name, escaped)                                                         \
    {                                                                                                        \
        HAUL_IMAP_PRESET_##preset, separator, HAUL_LEVEL_##level, name, escaped                              \
    }

static const name_row names[] = {
    ROW(GENERIC, '/', TOP, "Plain", "Plain"),
    ROW(GENERIC, '/', TOP,
        "Gr\xc3\xb6\xc3\x9f"
        "e",
        "Gr\xc3\xb6\xc3\x9f"
        "e"),
    ROW(GENERIC, '/', TOP, "a/b", "a=2Fb"),
    ROW(GENERIC, '/', TOP, "a.b", "a.b"),
    ROW(GENERIC, '.', TOP, "a.b", "a=2Eb"),
    ROW(GENERIC, '.', TOP, "a/b", "a=2Fb"),
    ROW(GENERIC, '\\', TOP, "a\\b", "a=5Cb"),
    ROW(GENERIC, 0, TOP, "a/b", "a=2Fb"),
    ROW(GENERIC, '/', TOP, "100% *", "100=25 =2A"),
    ROW(GENERIC, '/', TOP, "a=2Fb", "a=3D2Fb"),
    ROW(GENERIC, '/', TOP, "a=2fb", "a=3D2fb"),
    ROW(GENERIC, '/', TOP, "a=b", "a=b"),
    ROW(GENERIC, '/', TOP, "=/F", "==2FF"),
    ROW(GENERIC, '/', TOP, "a = b", "a = b"),
    ROW(GENERIC, '/', TOP, " x ", "=20x=20"),
    ROW(GENERIC, '/', TOP, " ", "=20"),
    ROW(GENERIC, '/', TOP, "#news", "=23news"),
    ROW(GENERIC, '/', TOP, "~x", "=7Ex"),
    ROW(GENERIC, '/', TOP, "x~#", "x~#"),
    ROW(GENERIC, '/', TOP, "say \"hi\"", "say =22hi=22"),
    ROW(GENERIC, '/', TOP, "a\r\nb\x7f", "a=0D=0Ab=7F"),
    ROW(GENERIC, '/', TOP,
        "a\xc2\x85"
        "b\xe2\x80\xa8\xc2\xa0",
        "a=C2=85b=E2=80=A8\xc2\xa0"),
    ROW(GENERIC, '/', TOP, "\xc2\x9f", "=C2=9F"),
    ROW(DOVECOT, '/', TOP, "..", "=2E."),
    ROW(DOVECOT, '/', ANY, ".", "=2E"),
    ROW(DOVECOT, '.', ANY, "..", "=2E=2E"),
    ROW(DOVECOT, '/', ANY, "{x}^", "{x}^"),
    ROW(DOVECOT, '/', ANY, "dbox-mails", "=64box-mails"),
    ROW(CYRUS, '/', ANY, "{x}^\"\\", "=7Bx=7D=5E=22=5C"),
    ROW(GMAIL, '/', TOP, "[Gmail]", "=5BGmail]"),
    ROW(GMAIL, '/', TOP, "[gmail]", "=5Bgmail]"),
    ROW(GMAIL, '/', ANY, "[Gmail]", "[Gmail]"),
    ROW(GMAIL, '/', TOP, "sent", "=73ent"),
    ROW(GMAIL, '/', TOP, "Sent 2019", "Sent 2019"),
    ROW(GMAIL, '/', TOP, "\\Sent", "=5CSent"),
    ROW(GMAIL, '/', TOP, "x^y", "x=5Ey"),
    ROW(EXCHANGE, '/', TOP, "Files", "=46iles"),
    ROW(EXCHANGE, '/', ANY, "Files", "Files"),
    ROW(EXCHANGE, '/', ANY, "=46iles", "=3D46iles"),
    ROW(GENERIC, '/', INBOX, "Inbox", "=49nbox"),
    ROW(GENERIC, '/', ANY, "Inbox", "Inbox"),
};

Test(imap_names, escapes_are_undone)
{
    haul_arena a = {0};
    for (size_t i = 0; i < HAUL_COUNT(names); i++) {
        const name_row *row = &names[i];
        haul_auto_str to = {0}, back = {0};
        bool was_cut = true;
        const haul_naming *n = haul_imap_naming(row->preset, row->separator, false, &a);
        haul_naming_escape_at(n, row->level, row->name, &to, &was_cut);
        cr_expect_str_eq(haul_strz(&to), row->escaped, "%zu: %s: %s", i, row->name, haul_strz(&to));
        cr_expect_not(was_cut);
        bool undone = haul_naming_unescape(n, haul_strz(&to), &back);
        cr_expect_eq(undone, strcmp(to.p, row->name) != 0, "%zu: %s", i, row->name);
        if (undone)
            cr_expect_str_eq(back.p, row->name);
    }
    haul_arena_done(&a);
}

Test(imap_names, a_base_folder_frees_the_top)
{
    haul_arena a = {0};
    haul_auto_str to = {0};
    bool was_cut;
    const haul_naming *n = haul_imap_naming(HAUL_IMAP_PRESET_EXCHANGE, '/', true, &a);
    haul_naming_escape_at(n, HAUL_LEVEL_TOP, "Files", &to, &was_cut);
    cr_expect_str_eq(to.p, "Files");
    cr_expect(n->fold_case && n->inbox_root && n->mutf7);
    haul_arena_done(&a);
}

/* Names of every pair of awkward octets: what is written never holds one, is sent, and comes back. */
Test(imap_names, whatever_is_written_is_safe_and_comes_back)
{
    static const char octets[] = "a/.*%\"\\=~# ^{}&-[]2F\x01\x1f\x7f";
    haul_arena a = {0};
    for (int p = 0; p < HAUL_IMAP_PRESET_COUNT; p++)
        for (size_t i = 0; i < sizeof(octets) - 1; i++)
            for (size_t j = 0; j < sizeof(octets) - 1; j++) {
                const char name[4] = {octets[i], octets[j], octets[i], 0};
                haul_auto_str to = {0}, back = {0}, sent = {0};
                bool was_cut;
                const haul_naming *n = haul_imap_naming((haul_imap_preset)p, '.', false, &a);
                haul_naming_escape_at(n, HAUL_LEVEL_TOP, name, &to, &was_cut);
                cr_assert(!strpbrk(to.p, "/.*%") && to.p[0] != ' ' && to.p[to.len - 1] != ' ', "%s", to.p);
                cr_assert(haul_imap_mailbox(to.p, false, &sent), "%s", to.p);
                if (haul_naming_unescape(n, to.p, &back))
                    cr_assert_str_eq(back.p, name);
                else
                    cr_assert_str_eq(to.p, name);
            }
    haul_arena_done(&a);
}

Test(imap_names, long_names_fit_in_modified_utf7)
{
    haul_arena a = {0};
    haul_auto_str name = {0}, to = {0}, coded = {0};
    bool was_cut = false;
    for (int i = 0; i < 300; i++)
        haul_str_addz(&name, i % 3 ? "\xe5\xb7\xb2" : "/");
    haul_naming_escape_at(haul_imap_naming(HAUL_IMAP_PRESET_GENERIC, '/', false, &a), HAUL_LEVEL_TOP, name.p,
                          &to, &was_cut);
    haul_mutf7_encode(&coded, to.p);
    cr_expect(was_cut);
    cr_expect_leq(coded.len, 200);
    cr_expect_gt(coded.len, 150);
    haul_arena_done(&a);
}

Test(imap_names, presets_by_name)
{
    haul_imap_preset p = HAUL_IMAP_PRESET_COUNT;
    cr_expect(haul_imap_preset_find("exchange-online", &p));
    cr_expect_eq(p, HAUL_IMAP_PRESET_EXCHANGE);
    cr_expect_not(haul_imap_preset_find("exchange", &p));
    cr_expect_str_eq(haul_imap_preset_name(HAUL_IMAP_PRESET_GMAIL), "gmail");
}

/* ── mailbox names on the wire ── */

Test(imap_wire, mailbox_names)
{
    static const struct {
        const char *name, *mutf7, *utf8; /* NULL = refused */
    } rows[] = {
        {"INBOX", "\"INBOX\"", "\"INBOX\""},
        {"", "\"\"", "\"\""},
        {"Gr\xc3\xb6\xc3\x9f"
         "e",
         "\"Gr&APYA3w-e\"",
         "\"Gr\xc3\xb6\xc3\x9f"
         "e\""},
        {"A&B", "\"A&-B\"", "\"A&B\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\"", "\"a\\\"b\\\\c\""},
        {"a\r\nA1 DELETE b", "\"a&AA0ACg-A1 DELETE b\"", NULL},
        {"a\xff", NULL, NULL},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        for (int utf8 = 0; utf8 < 2; utf8++) {
            const char *want = utf8 ? rows[i].utf8 : rows[i].mutf7;
            haul_auto_str to = {0};
            cr_expect_eq(haul_imap_mailbox(rows[i].name, utf8, &to), want != NULL, "%s", rows[i].name);
            cr_expect_str_eq(haul_strz(&to), want ? want : "");
        }
}

Test(imap_wire, mailbox_names_are_read)
{
    haul_auto_str to = {0};
    cr_expect(haul_imap_mailbox_read("Gr&APYA3w-e", 11, false, &to));
    cr_expect_str_eq(to.p, "Gr\xc3\xb6\xc3\x9f"
                           "e");
    haul_str_clear(&to);
    cr_expect(haul_imap_mailbox_read("A&B", 3, false, &to), "not canonical: kept");
    cr_expect_str_eq(to.p, "A&B");
    haul_str_clear(&to);
    cr_expect(haul_imap_mailbox_read("A&-B", 4, true, &to));
    cr_expect_str_eq(to.p, "A&-B");
    haul_str_clear(&to);
    cr_expect_not(haul_imap_mailbox_read("\xff", 1, false, &to));
    cr_expect_not(haul_imap_mailbox_read("a\0b", 3, false, &to));
    cr_expect_eq(to.len, 0);
}

Test(imap_wire, quoted_strings)
{
    haul_auto_str to = {0};
    cr_expect_not(haul_imap_astring("a\rb", 3, false, &to));
    cr_expect_not(haul_imap_astring("a\nb", 3, true, &to));
    cr_expect_not(haul_imap_astring("a\0b", 3, true, &to));
    cr_expect_not(haul_imap_astring("\xc3\xb6", 2, false, &to));
    cr_expect_not(haul_imap_astring("\xc3", 1, true, &to));
    cr_expect_eq(to.len, 0);
    cr_expect(haul_imap_astring("\xc3\xb6\"", 3, true, &to));
    cr_expect_str_eq(to.p, "\"\xc3\xb6\\\"\"");
}

/* ── special use ── */

Test(imap_roles, attributes)
{
    cr_expect_str_eq(haul_imap_special_use(HAUL_ROLE_SENT), "\\Sent");
    cr_expect_null(haul_imap_special_use(HAUL_ROLE_INBOX));
    cr_expect_null(haul_imap_special_use(HAUL_ROLE_NONE));
    cr_expect_eq(haul_imap_role_of_attribute("\\junk", 5), HAUL_ROLE_JUNK);
    cr_expect_eq(haul_imap_role_of_attribute("\\Spam", 5), HAUL_ROLE_JUNK);
    cr_expect_eq(haul_imap_role_of_attribute("\\HasNoChildren", 14), HAUL_ROLE_NONE);
    for (int r = 0; r < HAUL_ROLE_COUNT; r++) {
        const char *use = haul_imap_special_use((haul_role)r);
        if (use)
            cr_expect_eq(haul_imap_role_of_attribute(use, strlen(use)), r, "%s", use);
    }
}

Test(imap_roles, names_in_many_languages)
{
    static const struct {
        const char *name;
        haul_role role;
    } rows[] = {
        {"Sent Items", HAUL_ROLE_SENT},
        {"SENT MESSAGES", HAUL_ROLE_SENT},
        {"Gesendete Elemente", HAUL_ROLE_SENT},
        {"Éléments envoyés", HAUL_ROLE_SENT},
        {"E\u0301le\u0301ments envoye\u0301s", HAUL_ROLE_SENT},
        {"ÉLÉMENTS ENVOYÉS", HAUL_ROLE_SENT},
        {"отправленные", HAUL_ROLE_SENT},
        {"已发送邮件", HAUL_ROLE_SENT},
        {"送信済みアイテム", HAUL_ROLE_SENT},
        {"Entwürfe", HAUL_ROLE_DRAFTS},
        {"Kopie robocze", HAUL_ROLE_DRAFTS},
        {"Papierkorb", HAUL_ROLE_TRASH},
        {"Gelöschte Elemente", HAUL_ROLE_TRASH},
        {"Corbeille", HAUL_ROLE_TRASH},
        {"Elementy usunięte", HAUL_ROLE_TRASH},
        {"Junk-E-Mail", HAUL_ROLE_JUNK},
        {"İSTENMEYEN", HAUL_ROLE_JUNK},
        {"Ongewenste e-mail", HAUL_ROLE_JUNK},
        {"Archiv", HAUL_ROLE_ARCHIVE},
        {"Архив", HAUL_ROLE_ARCHIVE},
        {"Work", HAUL_ROLE_NONE},
        {"Sent 2019", HAUL_ROLE_NONE},
        {"", HAUL_ROLE_NONE},
        {"|", HAUL_ROLE_NONE},
        {"Sent|Sent Items", HAUL_ROLE_NONE},
        {"\xff", HAUL_ROLE_NONE},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_expect_eq(haul_imap_role_of_name(rows[i].name), rows[i].role, "%s", rows[i].name);
}

Test(imap_roles, every_name_has_one_use)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *names_of;
    haul_role role;
    for (size_t i = 0; (names_of = haul_imap_role_names(i, &role)); i++) {
        gchar **each = g_strsplit(names_of, "|", -1);
        for (size_t k = 0; each[k]; k++) {
            cr_expect_eq(haul_imap_role_of_name(each[k]), role, "%s", each[k]);
            char *low = g_utf8_casefold(each[k], -1);
            char *key = g_utf8_normalize(low, -1, G_NORMALIZE_NFC);
            g_free(low);
            cr_expect(*key && g_hash_table_add(seen, key), "%s: twice", each[k]);
        }
        g_strfreev(each);
    }
    cr_expect_gt(g_hash_table_size(seen), 400);
    g_hash_table_destroy(seen);
}

/* ── keywords and flags ── */

typedef struct keyword_row {
    const char *keyword, *atom;
    bool cut;
} keyword_row;

static const keyword_row keywords[] = {
    {"Work", "Work", false},
    {"$label1", "$label1", false},
    {"a.b-c_d", "a.b-c_d", false},
    {"two words", "$q_two_20words", false},
    {"Gr\xc3\xb6\xc3\x9f"
     "e",
     "$q_Gr_C3_B6_C3_9Fe", false},
    {"a_b c", "$q_a_5Fb_20c", false},
    {"$q_x", "$q__24q_5Fx", false},
    {"$Q_x", "$q__24Q_5Fx", false},
    {"Junk", "$q_Junk", false},
    {"$forwarded", "$q__24forwarded", false},
    {"x) {4+}\r\nA1 DELETE INBOX", NULL, false},
    {"\\Deleted", "$q__5CDeleted", false},
    {"%*()[]\"", "$q__25_2A_28_29_5B_5D_22", false},
    {"", "$q_", false},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee",
     "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee", false},
    {"aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef", NULL, true},
    {"\xe5\xb7\xb2\xe5\x8f\x91\xe9\x80\x81\xe9\x82\xae\xe4\xbb\xb6\xe7\x9a\x84", NULL, true},
};

Test(imap_keywords, mangling_is_undone)
{
    for (size_t i = 0; i < HAUL_COUNT(keywords); i++) {
        const keyword_row *row = &keywords[i];
        haul_auto_str atom = {0}, back = {0};
        bool was_cut = false;
        haul_imap_keyword_write(row->keyword, &atom, &was_cut);
        if (row->atom)
            cr_expect_str_eq(atom.p, row->atom, "%s: %s", row->keyword, atom.p);
        cr_expect_eq(was_cut, row->cut, "%s: %s", row->keyword, atom.p);
        cr_expect(haul_imap_is_keyword_safe(atom.p, atom.len), "%s", atom.p);
        cr_expect_eq(haul_imap_flag_of(atom.p, atom.len), 0);
        bool undone = haul_imap_keyword_read(atom.p, atom.len, &back);
        cr_expect_eq(undone, !was_cut && strcmp(atom.p, row->keyword) != 0, "%s", atom.p);
        if (undone)
            cr_expect_str_eq(haul_strz(&back), row->keyword);
    }
}

Test(imap_keywords, cut_ones_stay_apart)
{
    char a[101] = {0};
    haul_auto_str first = {0}, second = {0};
    bool was_cut;
    memset(a, '_', 100);
    haul_imap_keyword_write(a, &first, &was_cut);
    a[99] = 'x';
    haul_imap_keyword_write(a, &second, &was_cut);
    cr_expect_str_neq(first.p, second.p);
    cr_expect(haul_imap_is_keyword_safe(first.p, first.len));
}

Test(imap_keywords, foreign_atoms_are_not_ours)
{
    static const char *const rows[] = {"$q",      "$q_a_2",  "$q_a_2G",       "$q_a__20b",
                                       "$q_Work", "$q_a_00", "$q_a_FF",       "$q_a~b",
                                       "Work",    "$q_a_",   "$q_x__12345678"};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str back = {0};
        bool ours = haul_imap_keyword_read(rows[i], strlen(rows[i]), &back);
        cr_expect_not(ours, "%s", rows[i]);
        cr_expect_eq(back.len, 0);
    }
}

Test(imap_keywords, safe_is_narrow)
{
    for (int c = 0; c < 256; c++) {
        const char z[2] = {(char)c, 0};
        bool want = c && (haul_is_alpha(c) || haul_is_digit(c) || strchr("$_.-", c));
        cr_expect_eq(haul_imap_is_keyword_safe(z, 1), want, "%d", c);
    }
    cr_expect_not(haul_imap_is_keyword_safe("", 0));
    cr_expect_not(haul_imap_is_keyword_safe("aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeef", 51));
}

Test(imap_flags, there_and_back)
{
    haul_auto_str all = {0}, none = {0};
    haul_imap_flags_write(HAUL_FLAG_ALL, &all);
    cr_expect_str_eq(all.p,
                     "\\Seen \\Answered \\Flagged \\Draft \\Deleted $Forwarded $Junk $NotJunk $MDNSent");
    haul_imap_flags_write(0, &none);
    cr_expect_str_eq(haul_strz(&none), "");
    for (unsigned bit = 1; bit <= HAUL_FLAG_ALL; bit <<= 1) {
        const char *name = haul_imap_flag_name(bit);
        cr_expect_eq(haul_imap_flag_of(name, strlen(name)), bit, "%s", name);
    }
    cr_expect_null(haul_imap_flag_name(0));
    cr_expect_null(haul_imap_flag_name(0x800u));
}

Test(imap_flags, into_a_message)
{
    static const char *const rows[] = {"\\SEEN", "Forwarded", "NonJunk", "\\Recent",       "\\X-Unknown",
                                       "Work",   "$MDNSent",  "$Junk",   "$q_two_20words", "$q_x__12345678"};
    haul_msg *m = haul_msg_new();
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        haul_imap_flag_into(m, rows[i], strlen(rows[i]));
    cr_expect_eq(m->flags, HAUL_FLAG_SEEN | HAUL_FLAG_FORWARDED | HAUL_FLAG_NOTJUNK | HAUL_FLAG_MDNSENT |
                               HAUL_FLAG_JUNK);
    cr_expect_eq(m->set & HAUL_SET_FLAGS, HAUL_SET_FLAGS);
    cr_assert_eq(m->n_keywords, 3);
    cr_expect_str_eq(m->keywords[0], "Work");
    cr_expect_str_eq(m->keywords[1], "two words");
    cr_expect_str_eq(m->keywords[2], "$q_x__12345678");
    haul_msg_unref(m);
}

/* ── dates ── */

Test(imap_dates, written)
{
    static const struct {
        const char *iso;
        int tz;
        const char *text;
        bool clamped;
    } rows[] = {
        {"2003-02-01T04:05:06Z", 0, "01-Feb-2003 04:05:06 +0000", false},
        {"2003-02-01T04:05:06Z", 450, "01-Feb-2003 11:35:06 +0730", false},
        {"2003-01-01T00:05:06Z", -210, "31-Dec-2002 20:35:06 -0330", false},
        {"2003-02-01T04:05:06Z", 32767, "01-Feb-2003 18:05:06 +1400", false},
        {"2003-02-01T04:05:06Z", -32768, "31-Jan-2003 14:05:06 -1400", false},
        {"1969-12-31T23:59:59Z", 0, "02-Jan-1970 00:00:00 +0000", true},
        {"1970-01-01T00:00:00Z", 60, "02-Jan-1970 01:00:00 +0100", true},
        {"1970-01-02T00:00:00Z", -60, "02-Jan-1970 00:00:00 +0000", false},
        {"2037-12-31T23:59:59Z", 60, "31-Dec-2037 23:59:59 +0000", false},
        {"2038-01-01T00:00:00Z", 0, "31-Dec-2037 23:59:59 +0000", true},
        {"9999-12-31T23:59:59Z", 840, "31-Dec-2037 23:59:59 +0000", true},
        {"2024-02-29T12:00:00Z", 0, "29-Feb-2024 12:00:00 +0000", false},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        char to[HAUL_IMAP_DATE_LEN];
        int64_t us = 0, back = 0;
        int tz = 9999;
        bool clamped = !rows[i].clamped;
        cr_assert(haul_iso_parse(rows[i].iso, &us));
        haul_imap_date_write(us + 999999, rows[i].tz, to, &clamped);
        cr_expect_str_eq(to, rows[i].text, "%s: %s", rows[i].iso, to);
        cr_expect_eq(clamped, rows[i].clamped, "%s", rows[i].iso);
        cr_expect(haul_imap_date_read(to, strlen(to), &back, &tz));
        cr_expect_eq(back, haul_imap_date_clamp(us), "%s", rows[i].iso);
    }
}

Test(imap_dates, extremes_do_not_overflow)
{
    char to[HAUL_IMAP_DATE_LEN];
    bool clamped = false;
    haul_imap_date_write(INT64_MIN, -32768, to, &clamped);
    cr_expect_str_eq(to, "02-Jan-1970 00:00:00 +0000");
    haul_imap_date_write(INT64_MAX, 32767, to, &clamped);
    cr_expect_str_eq(to, "31-Dec-2037 23:59:59 +0000");
    cr_expect(clamped);
}

Test(imap_dates, read)
{
    static const struct {
        const char *text;
        const char *iso; /* NULL = none */
        int tz;
    } rows[] = {
        {"01-Feb-2003 04:05:06 +0730", "2003-01-31T20:35:06Z", 450},
        {" 1-feb-2003 04:05:06 -0330", "2003-02-01T07:35:06Z", -210},
        {"1-Feb-2003 04:05:06 +0000", NULL, 0},
        {"31-Feb-2003 04:05:06 +0000", NULL, 0},
        {"01-Foo-2003 04:05:06 +0000", NULL, 0},
        {"01-Feb-2003 24:05:06 +0000", NULL, 0},
        {"01-Feb-2003 04:05:06 +0060", NULL, 0},
        {"01-Feb-2003 04:05:06 00000", NULL, 0},
        {"01-Feb-2003 04:05:06 +000x", NULL, 0},
        {"01-Feb-2003 04:05:06 +0000 ", NULL, 0},
        {"  -Feb-2003 04:05:06 +0000", NULL, 0},
        {"", NULL, 0},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        int64_t us = 0, want = 0;
        int tz = 0;
        bool ok = haul_imap_date_read(rows[i].text, strlen(rows[i].text), &us, &tz);
        cr_expect_eq(ok, rows[i].iso != NULL, "%s", rows[i].text);
        if (!rows[i].iso)
            continue;
        cr_assert(haul_iso_parse(rows[i].iso, &want));
        cr_expect_eq(us, want);
        cr_expect_eq(tz, rows[i].tz);
    }
}
