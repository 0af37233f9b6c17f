#include "imap/url.h"

#include "base/url.h"

#include <criterion/criterion.h>
#include <string.h>

typedef struct url_row {
    const char *url;
    const char *text; /* "user|host|AUTH|port|tls|a>b" or NULL = refused */
} url_row;

static void show(const haul_imap_url *u, haul_str *to)
{
    haul_str_addf(to, "%s|%s|%s|%u|%s|", u->user ? u->user : "-", u->host, u->auth ? u->auth : "-", u->port,
                  u->tls ? "tls" : "plain");
    for (size_t i = 0; i < u->n_folder; i++)
        haul_str_addf(to, "%s%s", i ? ">" : "", u->folder[i]);
    if (u->is_ipv6)
        haul_str_addz(to, "|6");
}

static const url_row urls[] = {
    {"imaps://jo@example.org", "jo|example.org|-|993|tls|"},
    {"imaps://jo@example.org/", "jo|example.org|-|993|tls|"},
    {"IMAPS://Jo@Example.ORG:1993", "Jo|example.org|-|1993|tls|"},
    {"imap://jo@localhost", "jo|localhost|-|143|plain|"},
    {"imap://jo@localhost:", "jo|localhost|-|143|plain|"},
    {"imaps://jo%40example.org@mail.example.org/Imported",
     "jo@example.org|mail.example.org|-|993|tls|Imported"},
    {"imaps://jo@example.org@mail.example.org", "jo@example.org|mail.example.org|-|993|tls|"},
    {"imaps://DOMAIN%5Cjo@h", "DOMAIN\\jo|h|-|993|tls|"},
    {"imaps://a%3Ab@h", "a:b|h|-|993|tls|"},
    {"imaps://jo;AUTH=scram-sha-256@h", "jo|h|SCRAM-SHA-256|993|tls|"},
    {"imaps://jo;auth=*@h", "jo|h|-|993|tls|"},
    {"imaps://;AUTH=EXTERNAL@h", "-|h|EXTERNAL|993|tls|"},
    {"imaps://jo;AUTH=EXTERNAL@h", "jo|h|EXTERNAL|993|tls|"},
    {"imaps://jo@[::1]:10143/x", "jo|::1|-|10143|tls|x|6"},
    {"imaps://jo@[2001:db8::1]", "jo|2001:db8::1|-|993|tls||6"},
    {"imaps://jo@[fe80::1%25eth0]", "jo|fe80::1%eth0|-|993|tls||6"},
    {"imaps://jo@127.0.0.1", "jo|127.0.0.1|-|993|tls|"},
    {"imaps://jo@m\xc3\xbcller.example", "jo|m\xc3\xbcller.example|-|993|tls|"},
    {"imaps://jo@h/A/B", "jo|h|-|993|tls|A>B"},
    {"imaps://jo@h//A//B/", "jo|h|-|993|tls|A>B"},
    {"imaps://jo@h/A%2FB/C", "jo|h|-|993|tls|A/B>C"},
    {"imaps://jo@h/Gr%C3%B6%C3%9Fe", "jo|h|-|993|tls|Gr\xc3\xb6\xc3\x9f"
                                     "e"},
    {"imaps://jo@h/Gr\xc3\xb6\xc3\x9f"
     "e 2019",
     "jo|h|-|993|tls|Gr\xc3\xb6\xc3\x9f"
     "e 2019"},
    {"imaps://jo@h/../x", "jo|h|-|993|tls|..>x"},
    {"imaps://jo@h/%3Bx%3F", "jo|h|-|993|tls|;x?"},
    {"imaps://jo@h/a@b:c", "jo|h|-|993|tls|a@b:c"},
    /* refused */
    {"", NULL},
    {"imaps://", NULL},
    {"imaps:///x", NULL},
    {"imaps://h", NULL},
    {"imaps://@h", NULL},
    {"imaps://;AUTH=*@h", NULL},
    {"imaps://;AUTH=PLAIN@h", NULL},
    {"imaps://jo@", NULL},
    {"imaps://jo@:993", NULL},
    {"imaps://jo@h:0", NULL},
    {"imaps://jo@h:65536", NULL},
    {"imaps://jo@h:99999999999999999999", NULL},
    {"imaps://jo@h:-1", NULL},
    {"imaps://jo@h:12x", NULL},
    {"imaps://jo;UID=1@h", NULL},
    {"imaps://jo;AUTH=@h", NULL},
    {"imaps://jo;AUTH=A B@h", NULL},
    {"imaps://jo;AUTH=PLAIN\r\nA1@h", NULL},
    {"imaps://jo;AUTH=AAAAAAAAAAAAAAAAAAAAA@h", NULL},
    {"imaps://j%0Ao@h", NULL},
    {"imaps://j%00o@h", NULL},
    {"imaps://j%o@h", NULL},
    {"imaps://j%ffo@h", NULL},
    {"imaps://jo@h%2F", NULL},
    {"imaps://jo@h\r\nx", NULL},
    {"imaps://jo@-h", NULL},
    {"imaps://jo@.h", NULL},
    {"imaps://jo@[::1", NULL},
    {"imaps://jo@[::1]x", NULL},
    {"imaps://jo@[]", NULL},
    {"imaps://jo@[::g]", NULL},
    {"imaps://jo@[fe80::1%25]", NULL},
    {"imaps://jo@[fe80::1%eth0]", NULL},
    {"imaps://jo@[fe80::1%25e/0]", NULL},
    {"imaps://jo@h/a%", NULL},
    {"imaps://jo@h/a%4", NULL},
    {"imaps://jo@h/a%zz", NULL},
    {"imaps://jo@h/a%00b", NULL},
    {"imaps://jo@h/a%0d%0aA1%20LOGOUT", NULL},
    {"imaps://jo@h/a%ff", NULL},
    {"imaps://jo@h/INBOX;UIDVALIDITY=1", NULL},
    {"imaps://jo@h/INBOX/;UID=1", NULL},
    {"imaps://jo@h/INBOX?SUBJECT", NULL},
    {"http://jo@h/", NULL},
    {"/imaps://jo@h/", NULL},
    {"imaps:/jo@h/", NULL},
};

Test(imap_url, parsed_or_refused)
{
    for (size_t i = 0; i < HAUL_COUNT(urls); i++) {
        haul_arena a = {0};
        haul_err e = {0};
        haul_imap_url u = {0};
        haul_auto_str text = {0};
        haul_rc rc = haul_imap_url_parse(urls[i].url, &a, &u, &e);
        cr_expect_eq(rc, urls[i].text ? HAUL_OK : HAUL_E_USAGE, "%s: %s", urls[i].url, e.text);
        if (rc == HAUL_OK)
            show(&u, &text);
        cr_expect_str_eq(haul_strz(&text), urls[i].text && rc == HAUL_OK ? urls[i].text : "", "%s: %s",
                         urls[i].url, haul_strz(&text));
        haul_arena_done(&a);
    }
}

/* Wherever it stands, and however the URL is broken. */
Test(imap_url, a_password_is_refused_and_not_repeated)
{
    static const char *const rows[] = {
        "imaps://jo:tops3cret@h/x",
        "imaps://jo:@h",
        "imaps://jo@x:tops3cret@h",
        "imaps://jo:tops3cret/x@h/y",
        "imaps://jo:993/tops3cret@h",
        "imaps://jo:tops3cret",
        "imaps://jo:tops3cret@",
        "imaps://jo:tops3cret@[::1",
        "imaps://[jo:tops3cret@h",
        "imaps://:tops3cret@h",
        "imaps://jo;AUTH=PLAIN:tops3cret@h",
        "ftp://jo:tops3cret@h/",
        "imaps://jo:tops3cret%zz@h",
        "imaps://jo:tops3cret?@h",
    };
    for (size_t i = 0; i < HAUL_COUNT(rows); i++) {
        haul_arena a = {0};
        haul_err e = {0};
        haul_imap_url u = {0};
        cr_expect(haul_url_has_secret(rows[i]), "%s", rows[i]);
        cr_expect_eq(haul_imap_url_parse(rows[i], &a, &u, &e), HAUL_E_USAGE, "%s", rows[i]);
        cr_expect(strstr(e.text, "--password-file") && strstr(e.text, "MAILHAUL_PASSWORD"), "%s", e.text);
        cr_expect_null(strstr(e.text, "tops3cret"));
        cr_expect_null(strstr(e.text, "jo"));
        haul_arena_done(&a);
    }
}

Test(imap_url, limits)
{
    haul_arena a = {0};
    haul_imap_url u = {0};
    haul_auto_str deep = {0}, longer = {0}, user = {0}, host = {0};
    haul_str_addz(&deep, "imaps://jo@h");
    for (int i = 0; i < 65; i++)
        haul_str_addz(&deep, "/x");
    cr_expect_eq(haul_imap_url_parse(deep.p, &a, &u, NULL), HAUL_E_USAGE);
    deep.p[deep.len - 2] = 0;
    cr_expect_eq(haul_imap_url_parse(deep.p, &a, &u, NULL), HAUL_OK);
    cr_expect_eq(u.n_folder, 64);
    haul_str_addz(&longer, "imaps://jo@h/");
    while (longer.len <= HAUL_IMAP_URL_MAX)
        haul_str_addc(&longer, 'x');
    cr_expect_eq(haul_imap_url_parse(longer.p, &a, &u, NULL), HAUL_E_USAGE);
    haul_str_addz(&user, "imaps://");
    haul_str_addz(&host, "imaps://jo@");
    for (int i = 0; i < 513; i++) {
        haul_str_addc(&user, 'x');
        haul_str_addc(&host, 'x');
    }
    haul_str_addz(&user, "@h");
    cr_expect_eq(haul_imap_url_parse(user.p, &a, &u, NULL), HAUL_E_USAGE);
    cr_expect_eq(haul_imap_url_parse(host.p, &a, &u, NULL), HAUL_E_USAGE);
    haul_arena_done(&a);
}

Test(url, paths_are_no_urls)
{
    cr_expect(haul_is_url("a+b.c-1://"));
    cr_expect_not(haul_is_url("./a://b"));
    cr_expect_not(haul_is_url("dir/a://b"));
    cr_expect_not(haul_is_url("://b"));
    cr_expect_not(haul_is_url("1a://b"));
    cr_expect_not(haul_is_url("C:\\x"));
    cr_expect_not(haul_is_url(""));
    cr_expect_not(haul_url_has_secret("dir/a:b@c"));
    cr_expect_not(haul_url_has_secret("imaps://jo@h:993/a:b@c"));
    cr_expect_not(haul_url_has_secret("imaps://jo@h:12x"));
    cr_expect_not(haul_url_has_secret("imaps://jo@[::1"));
    cr_expect(haul_url_has_secret("imaps://jo@x.org:tops/3cret@h"));
}

Test(url, encoding_is_undone)
{
    static const char all[] = "a/%\xc3\xb6 .@:-_~\x01";
    haul_auto_str coded = {0}, back = {0};
    haul_url_encode((haul_span){all, strlen(all)}, "@.-_", &coded);
    cr_expect_str_eq(coded.p, "a%2F%25%C3%B6%20.@%3A-_%7E%01");
    cr_expect(haul_url_decode((haul_span){coded.p, coded.len}, &back));
    cr_expect_str_eq(back.p, all);
}
