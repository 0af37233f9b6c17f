#define _GNU_SOURCE /* strcasestr */
/* What the suites over files cannot ask of a format of servers: options, names from a source folder to the wire and
 * back, keywords, and what goes out in front of a message. */
#include "imap/keywords.h"
#include "imap/names.h"
#include "imap/sasl.h"
#include "imap/upload.h"
#include "pipe/map.h"

#include "base/utf.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* ── options ── */

static const haul_format_option *option(const char *name)
{
    for (const haul_format_option *o = haul_imap_options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    cr_assert_fail("no option --%s", name);
    return NULL;
}

/* A list of choices is what a table of the code says, and "auto" in front. */
static void choices_are(const char *name, const char *(*of)(size_t i))
{
    haul_auto_str want = {0};
    haul_str_addz(&want, "auto");
    for (size_t i = 0; of(i); i++)
        haul_str_addf(&want, "|%s", of(i));
    const haul_format_option *o = option(name);
    for (const char *p = o->choices; *p; p += strcspn(p, "|"), p += *p == '|') {
        haul_auto_str one = {0}, padded = {0}, all = {0};
        haul_str_add(&one, p, strcspn(p, "|"));
        haul_str_addf(&padded, "|%s|", one.p);
        haul_str_addf(&all, "|%s|", want.p);
        cr_expect(strcasestr(all.p, padded.p), "--%s has %s", name, one.p);
    }
    cr_expect_eq(strlen(o->choices), want.len, "--%s: %s, not %s", name, o->choices, want.p);
}

static const char *preset_at(size_t i)
{
    return i < HAUL_IMAP_PRESET_COUNT ? haul_imap_preset_name((haul_imap_preset)i) : NULL;
}

static const char *mechanism_at(size_t i)
{
    return i < HAUL_SASL_COUNT ? haul_sasl_infos[i].name : NULL;
}

Test(format_imap, options_say_what_there_is)
{
    for (const haul_format_option *o = haul_imap_options; o->name; o++) {
        for (const haul_format_option *p = o + 1; p->name; p++)
            cr_expect_str_neq(o->name, p->name);
        cr_expect(!strstr(o->name, "password") || !*o->value, "--%s has a default", o->name);
        cr_expect(strcmp(o->name, "password") != 0 && strcmp(o->name, "oauth-token") != 0,
                  "--%s would put a secret into argv", o->name);
    }
    choices_are("preset", preset_at);
    choices_are("auth", mechanism_at);
    cr_expect(haul_option_is_optional(option("insecure-plaintext")));
    cr_expect(haul_option_is_flag(option("skip-existing")) && haul_option_is_flag(option("remove-copies")));
}

typedef struct setting {
    const char *url, *name, *value, *says; /* says: of the error; NULL = accepted */
} setting;

static haul_rc configure(const setting *row, haul_imap_config *c, haul_err *e)
{
    haul_auto(haul_values) *v = haul_values_new();
    if (row->name)
        haul_values_set(v, row->name, row->value);
    return haul_imap_config_init(c, row->url, v, e);
}

#define TLS   "imaps://jo@mail.example.org/A"
#define PLAIN "imap://jo@127.0.0.1"

Test(format_imap, values_are_checked)
{
    static const setting rows[] = {
        {TLS, NULL, NULL, NULL},
        {TLS, "connections", "16", NULL},
        {TLS, "connections", "0", "from 1 to 16"},
        {TLS, "connections", "17", "from 1 to 16"},
        {TLS, "connections", "two", "'two'"},
        {TLS, "timeout", "0", "--timeout"},
        {TLS, "timeout", "86401", "--timeout"},
        {TLS, "rate", "4", NULL},
        {TLS, "rate", "500k", NULL},
        {TLS, "rate", "0", "--rate"},
        {TLS, "rate", "fast", "--rate"},
        {TLS, "daily-limit", "0", NULL},
        {TLS, "daily-limit", "500M", NULL},
        {TLS, "daily-limit", "lots", "--daily-limit"},
        {TLS, "proxy", "http://proxy:3128", NULL},
        {TLS, "proxy", "http://jo:tops3cret@proxy:3128", "--proxy takes no user"},
        {TLS, "insecure-plaintext", "yes", "imap://"},
        {PLAIN, "insecure-plaintext", "yes", NULL},
        {"imap://jo@localhost", "insecure-plaintext", "yes", NULL},
        {"imap://jo@[::1]", "insecure-plaintext", "yes", NULL},
        {"imap://jo@mail.example.org", "insecure-plaintext", "yes", "for this machine"},
        {"imap://jo@127.example.org", "insecure-plaintext", "yes", "for this machine"},
        {"imap://jo@127.0.0.1.example.org", "insecure-plaintext", "yes", "for this machine"},
        {"imap://jo@mail.example.org", "insecure-plaintext", "Mail.Example.ORG", NULL},
        {"imap://jo@mail.example.org", "insecure-plaintext", "example.org", "for this machine"},
        {"imap://jo@mail.example.org", "insecure-plaintext", "no", NULL},
        {"http://jo@mail.example.org", NULL, NULL, "neither imaps nor imap"},
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_imap_config c = {0};
        haul_err e = {0};
        haul_rc rc = configure(&rows[i], &c, &e);
        cr_expect_eq(rc, rows[i].says ? HAUL_E_USAGE : HAUL_OK, "%zu: %s=%s: %s", i, rows[i].name,
                     rows[i].value, e.text);
        cr_expect(!rows[i].says || strstr(e.text, rows[i].says), "%zu: %s", i, e.text);
        cr_expect(!strstr(e.text, "tops3cret"), "%s", e.text);
        haul_imap_config_done(&c);
    }
}

Test(format_imap, what_the_values_mean)
{
    static const setting tls = {TLS, NULL, NULL, NULL}, start = {"imap://jo@h", NULL, NULL, NULL},
                         plain = {PLAIN, "insecure-plaintext", "yes", NULL},
                         octets = {TLS, "rate", "2k", NULL}, messages = {TLS, "rate", "4", NULL},
                         none = {TLS, "daily-limit", "0", NULL}, preset = {TLS, "preset", "cyrus", NULL};
    const setting *const rows[] = {&tls, &start, &plain, &octets, &messages, &none, &preset};
    haul_imap_config c[HAUL_COUNT(rows)] = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        cr_assert_eq(configure(rows[i], &c[i], NULL), HAUL_OK, "%zu", i);
    cr_expect_eq(c[0].conn.security, HAUL_CONN_TLS);
    cr_expect_eq(c[1].conn.security, HAUL_CONN_STARTTLS);
    cr_expect_eq(c[2].conn.security, HAUL_CONN_PLAIN);
    cr_expect(c[3].rate_octets > 2047 && c[3].rate_octets < 2049 && c[3].rate_messages <= 0);
    cr_expect(c[4].rate_messages > 3 && c[4].rate_messages < 5 && c[4].rate_octets <= 0);
    cr_expect_eq(c[0].daily_limit, UINT64_MAX, "the preset decides");
    cr_expect_eq(c[5].daily_limit, 0);
    cr_expect_null(c[0].preset);
    cr_expect(c[6].preset && *c[6].preset == HAUL_IMAP_PRESET_CYRUS);
    cr_expect_eq(c[0].connections, 2);
    cr_expect(c[0].subscribe && !c[0].skip_existing && !c[0].remove_copies);
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        haul_imap_config_done(&c[i]);
}

/* ── names: source folder → map → mailbox → wire, and back ── */

static const char *const nasty[] = {
    "Work",
    "a/b",
    "a.b",
    "a\\b",
    "a|b",
    "..",
    ".",
    ".hidden",
    "dbox-Mails",
    "100% *",
    "say \"hi\"",
    " x ",
    " ",
    "#news",
    "~root",
    "{x}^",
    "[Gmail]",
    "Sent",
    "sent",
    "Files",
    "A&B",
    "A&-B",
    "&AMQ-",
    "=2F",
    "=3D2F",
    "a=2Fb",
    "\x01\x1f\x7f",
    "a\r\nA1 DELETE INBOX",
    "a\" {4+}\r\nA1 LOGOUT\r\n",
    "Gr\xc3\xb6\xc3\x9f"
    "e",
    "\xe5\xb7\xb2\xe5\x8f\x91\xe9\x80\x81",
    "\xf0\x9f\x93\xa7",
    "a\xc2\x85\xe2\x80\xa8z",
    "e\xcc\x81",
    "Inbox",
    "~2",
};

typedef struct place {
    haul_imap_preset preset;
    char separator;
    const char *prefix; /* of the namespace */
    const char *folder; /* of the URL, or NULL */
    bool utf8;
} place;

/* Characters that may not stand in a component as it is sent. */
static bool is_clean(const char *component, char separator)
{
    for (const char *p = component; *p; p++)
        if ((unsigned char)*p < 32 || *p == 127 || *p == '/' || *p == '*' || *p == '%' ||
            (separator && *p == separator))
            return false;
    return *component && *component != ' ' && component[strlen(component) - 1] != ' ';
}

static void base_of(const place *at, haul_str *to)
{
    char *folders[] = {(char *)(uintptr_t)at->folder};
    haul_imap_url url = {.folder = folders, .n_folder = at->folder ? 1 : 0};
    haul_imap_account account = {.separator = at->separator, .prefix = (char *)(uintptr_t)at->prefix};
    cr_assert_eq(haul_imap_base(&url, &account, to, NULL), HAUL_OK);
}

static void component_comes_back(const place *at, const haul_naming *n, const char *part, const char *name)
{
    haul_auto_str back = {0};
    cr_expect(is_clean(part, at->separator), "'%s'", part);
    if (haul_naming_unescape(n, part, &back))
        cr_expect_str_eq(back.p, name, "%s of %s, preset %d, %c, %s, %s", part, name, at->preset,
                         at->separator, at->prefix, at->folder);
    else
        cr_expect_str_eq(part, name);
}

/* text: of the mapped path. What the server would be sent leads back to it. */
static void mailbox_comes_back(const place *at, const char *text)
{
    haul_auto_str base = {0}, name = {0}, wire = {0}, plain = {0}, read = {0}, back = {0};
    base_of(at, &base);
    haul_imap_name_of(haul_strz(&base), at->folder != NULL, at->separator, text, &name);
    cr_assert(haul_imap_mailbox(name.p, at->utf8, &wire), "%s", name.p);
    cr_expect(wire.p[0] == '"' && wire.p[wire.len - 1] == '"' && !strpbrk(wire.p, "\r\n"), "%s", wire.p);
    haul_imap_tokens t = {0};
    haul_imap_tokens_init(&t, (haul_span){wire.p, wire.len});
    cr_expect_eq(haul_imap_step(&t), HAUL_IMAP_STRING);
    haul_str_add(&plain, haul_strz(&t.text), t.text.len);
    cr_expect_eq(haul_imap_step(&t), HAUL_IMAP_END, "one string and nothing behind it: %s", wire.p);
    haul_imap_tokens_done(&t);
    cr_expect(at->utf8 || haul_ascii_run(plain.p, plain.len) == plain.len, "%s", plain.p);
    cr_expect(haul_imap_mailbox_read(plain.p, plain.len, at->utf8, &read), "%s", plain.p);
    cr_expect_str_eq(haul_strz(&read), name.p);
    if (strcmp(name.p, "INBOX") == 0)
        return; /* it lies in no namespace */
    cr_expect(haul_imap_text_of(haul_strz(&base), at->separator, read.p, &back), "%s", read.p);
    cr_expect_str_eq(haul_strz(&back), text);
}

/* Every name at the top, below an ordinary folder and below itself. */
static void names_come_back(const place *at)
{
    haul_arena a = {0};
    const haul_naming *n = haul_imap_naming(at->preset, at->separator, at->folder || *at->prefix, &a);
    haul_auto(haul_map) *map = haul_map_new(n, NULL, NULL, 0, NULL);
    haul_folders fs = {0};
    uint32_t id = 0;
    for (size_t i = 0; i < HAUL_COUNT(nasty); i++) {
        const char *path[] = {nasty[i], i % 2 ? nasty[(i * 7 + 3) % HAUL_COUNT(nasty)] : nasty[i]};
        uint32_t parent = HAUL_FOLDER_NONE;
        for (size_t k = 0; k < 1 + (at->separator != 0); k++) {
            haul_folder f = {.id = id, .parent = parent, .name = path[k]};
            haul_mapped to = {0};
            cr_assert(haul_folders_add(&fs, &f));
            haul_map_folder(map, &fs, id, NULL, &to);
            cr_expect_not(to.cut);
            const char *part = to.path.parts[to.path.n - 1];
            if (haul_icmp(part, "INBOX") != 0 && !strstr(part, "~2"))
                component_comes_back(at, n, part, path[k]);
            mailbox_comes_back(at, to.path.text);
            parent = id++;
        }
    }
    haul_folders_done(&fs);
    haul_arena_done(&a);
}

Test(format_imap, names_come_back_on_every_kind_of_server)
{
    static const char separators[] = {'/', '.', '\\', '|', '_', 0};
    for (int p = 0; p < HAUL_IMAP_PRESET_COUNT; p++)
        for (size_t s = 0; s < sizeof(separators); s++)
            for (int kind = 0; kind < 4; kind++) {
                char prefix[] = "INBOX.";
                prefix[5] = separators[s];
                place at = {.preset = (haul_imap_preset)p,
                            .separator = separators[s],
                            .prefix = kind & 1 && separators[s] ? prefix : "",
                            .folder = kind & 2 && separators[s] ? "Imported" : NULL,
                            .utf8 = kind == 3};
                names_come_back(&at);
            }
}

Test(format_imap, an_inbox_is_the_inbox_on_every_kind_of_server)
{
    for (int p = 0; p < HAUL_IMAP_PRESET_COUNT; p++) {
        haul_arena a = {0};
        haul_folders fs = {0};
        haul_mapped named = {0}, meant = {0};
        haul_auto(haul_map) *map =
            haul_map_new(haul_imap_naming((haul_imap_preset)p, '/', false, &a), NULL, NULL, 0, NULL);
        haul_folder by_name = {.id = 0, .parent = HAUL_FOLDER_NONE, .name = "Inbox"};
        haul_folder by_role = {
            .id = 1, .parent = HAUL_FOLDER_NONE, .name = "Posteingang", .role = HAUL_ROLE_INBOX};
        cr_assert(haul_folders_add(&fs, &by_name) && haul_folders_add(&fs, &by_role));
        haul_map_folder(map, &fs, 0, NULL, &named);
        haul_map_folder(map, &fs, 1, NULL, &meant);
        cr_expect_str_eq(named.path.text, "INBOX", "%s", haul_imap_preset_name((haul_imap_preset)p));
        cr_expect_str_eq(meant.path.text, "INBOX", "%s", haul_imap_preset_name((haul_imap_preset)p));
        haul_folders_done(&fs);
        haul_arena_done(&a);
    }
}

Test(format_imap, the_top_keeps_clear_of_what_servers_keep_for_themselves)
{
    static const struct {
        haul_imap_preset preset;
        const char *name;
    } rows[] = {{HAUL_IMAP_PRESET_GMAIL, "[Gmail]"},
                {HAUL_IMAP_PRESET_GMAIL, "SPAM"},
                {HAUL_IMAP_PRESET_GMAIL, "All Mail"},
                {HAUL_IMAP_PRESET_EXCHANGE, "Files"},
                {HAUL_IMAP_PRESET_DOVECOT, "dbox-Mails"},
                {HAUL_IMAP_PRESET_DOVECOT, ".."},
                {HAUL_IMAP_PRESET_CYRUS, "."},
                {HAUL_IMAP_PRESET_GENERIC, "~mail"}};
    haul_arena a = {0};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_auto_str to = {0}, back = {0};
        bool cut = false;
        const haul_naming *n = haul_imap_naming(rows[i].preset, '/', false, &a);
        haul_naming_escape_at(n, HAUL_LEVEL_TOP, rows[i].name, &to, &cut);
        cr_expect_str_neq(to.p, rows[i].name);
        cr_expect(haul_naming_unescape(n, to.p, &back));
        cr_expect_str_eq(haul_strz(&back), rows[i].name);
    }
    haul_arena_done(&a);
}

Test(format_imap, a_folder_of_the_url_must_fit_the_server)
{
    haul_auto_str to = {0};
    haul_err e = {0};
    char *folders[] = {(char *)(uintptr_t) "A.B"};
    haul_imap_url url = {.folder = folders, .n_folder = 1};
    haul_imap_account dots = {.separator = '.', .prefix = (char *)(uintptr_t) ""}, flat = dots;
    flat.separator = 0;
    cr_expect_eq(haul_imap_base(&url, &dots, &to, &e), HAUL_E_USAGE);
    cr_expect(strstr(e.text, "'.'"), "%s", e.text);
    cr_expect_eq(haul_imap_base(&url, &flat, &to, &e), HAUL_E_TARGET);
}

/* ── keywords: into an atom and back into a message ── */

static void keyword_comes_back(const char *keyword)
{
    haul_auto_str atom = {0};
    bool cut = false;
    haul_msg *m = haul_msg_new();
    haul_imap_keyword_write(keyword, &atom, &cut);
    cr_assert(haul_imap_is_keyword_safe(haul_strz(&atom), atom.len), "%s", haul_strz(&atom));
    haul_imap_flag_into(m, atom.p, atom.len);
    cr_assert_eq(m->flags, 0, "%s became a flag", keyword);
    cr_assert_eq(m->n_keywords, 1);
    if (!cut)
        cr_assert_str_eq(m->keywords[0], keyword);
    haul_msg_unref(m);
}

Test(format_imap, keywords_come_back)
{
    static const char *const rows[] = {"Work",  "two words", "$q_a", "$Q_A", "$q_",    "Junk",
                                       "$Junk", "NonJunk",   "_",    "__",   "a_20b",  "\\Seen",
                                       "[x",    "x]",        "NIL",  "{3+}", "a\r\nb", "\xf0\x9f\x93\xa7"};
    static const char octets[] = "aZ09$_.- \"\\(){}[]%*\x01\x1f\x7f~=&,;:\n";
    for (size_t i = 0; i < HAUL_COUNT(rows); i++)
        keyword_comes_back(rows[i]);
    for (size_t i = 0; i < sizeof(octets) - 1; i++)
        for (size_t k = 0; k < sizeof(octets) - 1; k++)
            keyword_comes_back((const char[]){octets[i], octets[k], octets[i], 0});
    for (size_t n = 1; n < 120; n++) {
        char text[121] = {0};
        memset(text, n % 2 ? 'x' : ' ', n);
        keyword_comes_back(text);
    }
}

/* ── in front of a message: no archive commands the server [imap-20] ── */

typedef struct bench {
    haul_sink sink;
    haul_imap_config config;
    haul_upload up;
    haul_box box;
    haul_str issues;
} bench;

static void on_issue(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail)
{
    bench *b = ctx;
    (void)m;
    haul_str_addf(&b->issues, "%s %s\n", haul_issue_name(id), detail);
}

static void bench_init(bench *b, const char *folder)
{
    haul_auto_str wire = {0};
    *b = (bench){.box = {.any_keyword = true, .knows_flags = true, .flags = HAUL_FLAG_ALL}};
    b->sink.issue = on_issue;
    b->sink.ctx = b;
    b->up.sink = &b->sink;
    b->up.config = &b->config;
    b->up.multi = b->up.plus = true;
    cr_assert(haul_imap_mailbox(folder, false, &wire));
    b->box.wire = haul_strdup(wire.p);
    b->box.keywords = haul_keywords_new();
}

static void bench_done(bench *b)
{
    free(b->box.wire);
    g_hash_table_destroy(b->box.keywords);
    if (b->up.flag_texts) {
        g_hash_table_destroy(b->up.flag_index);
        g_ptr_array_free(b->up.flag_texts, TRUE);
    }
    haul_str_done(&b->issues);
}

static const char evil[] = "A1 DELETE INBOX\r\n\r\nA2 LOGOUT\r\n";

static haul_pending *item_of(bench *b, const char *const *keywords, size_t n, unsigned flags, int64_t us)
{
    haul_pending *item = calloc(1, sizeof(*item));
    haul_msg *m = haul_msg_new();
    bool clamped = false;
    m->body = haul_spool_new(true);
    cr_assert_eq(haul_out_write(haul_spool_out(m->body), evil, sizeof(evil) - 1, NULL), HAUL_OK);
    cr_assert_eq(haul_spool_freeze(m->body, NULL), HAUL_OK);
    m->flags = flags;
    for (size_t i = 0; i < n; i++)
        haul_msg_keyword(m, keywords[i], strlen(keywords[i]));
    item->msg = m;
    item->box = &b->box;
    item->size = sizeof(evil) - 1;
    item->flags = haul_box_flags(&b->up, &b->box, m);
    haul_imap_date_write(us, 120, item->date, &clamped);
    return item;
}

/* "APPEND mailbox ([flags]) "date" {n[+]}CRLF body … CRLF", and nothing else. Octets that are no body must not hold a
 * line end but behind a literal's announcement. Returns how many bodies there are. */
static size_t strict(const haul_imap_command *c)
{
    const char *p = c->text.p + 10, *end = c->text.p + c->text.len;
    size_t bodies = 0;
    cr_assert(haul_istarts(p, (size_t)(end - p), "APPEND \""), "%.60s", p);
    while (p < end) {
        const char *line = memchr(p, '\r', (size_t)(end - p));
        cr_assert(line && line + 1 < end && line[1] == '\n');
        for (const char *q = p; q < line; q++)
            cr_assert(*q >= 32 && *q < 127, "octet %d in a command", *q);
        if (line[-1] != '}') {
            cr_assert_eq(line + 2, end, "a line that is neither the last nor announces a literal");
            return bodies;
        }
        cr_assert(memcmp(line - 4, "30+}", 4) == 0 || memcmp(line - 3, "30}", 3) == 0, "%.40s", line - 20);
        cr_assert(end - line - 2 >= (ptrdiff_t)sizeof(evil) - 1);
        cr_assert(memcmp(line + 2, evil, sizeof(evil) - 1) == 0);
        p = line + 2 + sizeof(evil) - 1;
        bodies++;
    }
    cr_assert_fail("the command does not end");
    return 0;
}

static const char *const hostile[] = {"x) {4+}\r\nA1 DELETE INBOX",
                                      "\\Deleted) \"01-Jan-1970 00:00:00 +0000\" {1+}",
                                      "a\nb",
                                      "(",
                                      ")",
                                      "\"",
                                      "{5}",
                                      "\\*",
                                      "\\Recent",
                                      "NIL",
                                      "\xc3\xa9",
                                      "%",
                                      "]"};

Test(format_imap, nothing_of_an_archive_is_a_command)
{
    bench b;
    bench_init(&b, "a\" {4+}\r\nA1 DELETE INBOX");
    haul_batch *batch = haul_batch_new(&b.up, &b.box);
    static const int64_t times[] = {0, -1, INT64_MIN, INT64_MAX, INT64_C(1700000000000000)};
    size_t n = 0;
    cr_assert_eq(sizeof(evil) - 1, 30);
    for (; n < HAUL_COUNT(hostile); n++)
        cr_assert_eq(haul_batch_add(
                         batch,
                         item_of(&b, hostile + n, 1, n % 2 ? HAUL_FLAG_ALL : 0, times[n % HAUL_COUNT(times)]),
                         NULL, NULL),
                     HAUL_OK);
    haul_batch_finish(batch);
    cr_expect_eq(strict(batch->command), n);
    /* every one of them is new to the folder: the server has to say "+" first [imap-21] */
    size_t waits = 0;
    for (size_t i = 0; i < batch->command->n_pieces; i++)
        waits += batch->command->pieces[i].wait;
    cr_expect_eq(waits, n);
    haul_batch *half[2];
    haul_pending **items = calloc(n, sizeof(*items));
    memcpy(items, batch->items, n * sizeof(*items));
    haul_batch_halve(batch, false, half);
    cr_expect_eq(strict(half[0]->command) + strict(half[1]->command), n);
    haul_batch *one = haul_batch_single(half[1], 0);
    cr_expect_eq(strict(one->command), 1);
    cr_expect_eq(one->items[0], half[1]->items[0]);
    haul_batch_free(one);
    haul_batch_free(half[0]);
    haul_batch_free(half[1]);
    for (size_t i = 0; i < n; i++)
        haul_pending_free(items[i]);
    free(items);
    bench_done(&b);
}

/* Literals of a batch of these messages that wait for the server. */
static size_t waits_of(bench *b, haul_pending *const *items, size_t n)
{
    haul_batch *batch = haul_batch_new(&b->up, &b->box);
    size_t waits = 0;
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(haul_batch_add(batch, items[i], NULL, NULL), HAUL_OK);
    for (size_t i = 0; i < batch->command->n_pieces; i++)
        waits += batch->command->pieces[i].wait;
    cr_expect_eq(batch->alone, waits > 0);
    haul_batch_free(batch);
    return waits;
}

Test(format_imap, a_keyword_is_announced_until_it_is_proved)
{
    static const char *const work[] = {"Work"}, *const shout[] = {"WORK"}, *const two[] = {"Work", "Other"};
    bench b;
    bench_init(&b, "A");
    haul_pending *first = item_of(&b, work, 1, 0, 0), *again = item_of(&b, work, 1, 0, 0),
                 *plain = item_of(&b, NULL, 0, HAUL_FLAG_SEEN, 0), *other = item_of(&b, two, 2, 0, 0);
    haul_pending *const three[] = {first, again, plain};
    cr_expect_eq(waits_of(&b, three, 3), 1);
    cr_expect_eq(waits_of(&b, &again, 1), 1, "nothing was stored with it yet");
    cr_expect_eq(waits_of(&b, &plain, 1), 0);
    haul_box_proved(&b.box, haul_flags_at(&b.up, again->flags));
    cr_expect_eq(waits_of(&b, three, 3), 0);
    cr_expect_eq(waits_of(&b, &other, 1), 1);
    cr_expect_str_eq(haul_flags_at(&b.up, first->flags), "Work");
    cr_expect_str_eq(haul_flags_at(&b.up, plain->flags), "\\Seen");
    cr_expect_str_eq(haul_flags_at(&b.up, other->flags), "Work Other");
    cr_expect_str_eq(haul_strz(&b.issues), "");
    haul_pending *loud = item_of(&b, shout, 1, 0, 0);
    cr_expect_eq(waits_of(&b, &loud, 1), 0);
    cr_expect(strstr(haul_strz(&b.issues), "keyword.name-changed WORK"), "%s", haul_strz(&b.issues));
    haul_box_refused(&b.box, haul_flags_at(&b.up, other->flags));
    haul_pending *less = item_of(&b, two, 2, 0, 0);
    cr_expect_str_eq(haul_flags_at(&b.up, less->flags), "Work");
    cr_expect(strstr(haul_strz(&b.issues), "keyword.not-held Other"), "%s", haul_strz(&b.issues));
    haul_pending *const all[] = {first, again, plain, other, loud, less};
    for (size_t i = 0; i < HAUL_COUNT(all); i++)
        haul_pending_free(all[i]);
    bench_done(&b);
}

Test(format_imap, what_a_folder_does_not_hold_is_named)
{
    static const char *const work[] = {"Work"};
    bench b;
    bench_init(&b, "A");
    b.box.any_keyword = false;
    b.box.flags = HAUL_FLAG_SEEN;
    haul_pending *item = item_of(&b, work, 1, HAUL_FLAG_SEEN | HAUL_FLAG_FLAGGED | HAUL_FLAG_JUNK, 0);
    cr_expect_str_eq(haul_flags_at(&b.up, item->flags), "\\Seen");
    cr_expect(strstr(haul_strz(&b.issues), "keyword.not-held Work"), "%s", haul_strz(&b.issues));
    cr_expect(strstr(haul_strz(&b.issues), "target.flags-not-held "), "%s", haul_strz(&b.issues));
    cr_expect_str_eq(haul_flags_at(&b.up, haul_flags_without_keywords(&b.up, item->flags)), "\\Seen");
    haul_pending_free(item);
    bench_done(&b);
}

Test(format_imap, without_literal_plus_the_server_is_asked)
{
    static const struct {
        bool plus, minus;
        uint64_t size;
        bool waits;
    } rows[] = {{true, false, 30, false}, {false, true, 30, false}, {false, false, 30, true}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        bench b;
        bench_init(&b, "A");
        b.up.plus = rows[i].plus;
        b.up.minus = rows[i].minus;
        haul_batch *batch = haul_batch_new(&b.up, &b.box);
        haul_pending *item = item_of(&b, NULL, 0, 0, 0);
        cr_assert_eq(haul_batch_add(batch, item, NULL, NULL), HAUL_OK);
        haul_batch_finish(batch);
        cr_expect_eq(strict(batch->command), 1);
        bool waits = false;
        for (size_t k = 0; k < batch->command->n_pieces; k++)
            waits |= batch->command->pieces[k].wait;
        cr_expect_eq(waits, rows[i].waits, "%zu", i);
        cr_expect_eq(strstr(batch->command->text.p, "{30+}") != NULL, !rows[i].waits);
        haul_batch_free(batch);
        haul_pending_free(item);
        bench_done(&b);
    }
}

/* ── tokens of a folder ── */

Test(format_imap, tokens_of_folders)
{
    static const struct {
        const char *token;
        bool ok;
    } rows[] = {{"v=7 w=12 s=o u=12:14,20", true},
                {"v=4294967295 w=1 s=c u=", true},
                {"v=7 w=12 s=c u=1:4294967295", true},
                {"", false},
                {"v=7", false},
                {"v=7 w=12 s=o", false},
                {"v=7 w=12 s=o u=x", false},
                {"v=7 w=12 s=o u=0", false},
                {"v=7 w=12 s=o u=4294967296", false},
                {"w=12 v=7 s=o u=", false}};
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_box b = {.text = (char *)(uintptr_t) "A"}, again = b;
        haul_err e = {0};
        haul_rc rc = haul_box_token_read(&b, rows[i].token, &e);
        cr_expect_eq(rc, rows[i].ok ? HAUL_OK : HAUL_E_STATE, "%s: %s", rows[i].token, e.text);
        if (rc == HAUL_OK) {
            haul_auto(haul_tokens) *t = haul_tokens_new();
            haul_box_token(&b, b.token_clean, t);
            cr_expect_str_eq(haul_tokens_get(t, HAUL_BOX_TOKEN "A"), rows[i].token);
            cr_expect_eq(haul_box_token_read(&again, rows[i].token, &e), HAUL_OK);
            cr_expect(again.known && again.watermark == b.watermark && again.uidvalidity == b.uidvalidity);
        }
        haul_uids_done(&b.ours);
        haul_uids_done(&again.ours);
    }
}
