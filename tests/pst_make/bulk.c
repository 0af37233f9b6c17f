#include "pst_make/bulk.h"

#include "base/time.h"
#include "mime/put.h"
#include "pst_make/bulk_list.h"
#include "pst_make/bulk_text.h"
#include "pst_make/le.h"
#include "pst_make/messaging.h"
#include "pst_make/rtfz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MEDIAN       1650u
#define BODY_MAX          200000u
#define ATTACHMENT_MEDIAN 20000u
#define SIGMA_1           23u /* as haul_bulk_size wants it */
#define SIGMA_1_2         28u
#define WITH_ATTACHMENT   4u /* every so manyth */
#define RTF_ONLY          16u
#define RTF_MAX           3000u               /* octets: packing takes time in the square */
#define START             INT64_C(1577836800) /* 2020-01-01 */
#define FILETIME_1970     INT64_C(116444736000000000)
#define PROPS             32u
#define RECIPIENTS        3u

typedef struct props {
    haul_made_value v[PROPS];
    size_t n;
} props;

typedef struct source { /* octets of an attachment, as they are asked for */
    uint64_t state;
    bool figures;
    haul_str line; /* of figures that were not taken yet, from `at` on */
    size_t at;
    haul_sha256 *digest; /* or NULL */
} source;

typedef struct bulk {
    const haul_made_bulk *what;
    haul_made *pst;
    uint32_t *folders;
    char **names;
    uint64_t state;
    haul_arena arena; /* of one message */
    haul_str plain, html, rtf, packed, headers;
    source source;
    haul_bulk_list list;
} bulk;

/* ── properties ── */

static void add_octets(bulk *b, props *to, uint32_t tag, const void *p, size_t n)
{
    to->v[to->n++] = (haul_made_value){.tag = tag, .p = haul_arena_strn(&b->arena, p, n), .n = n};
}

static void add_text(bulk *b, props *to, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_utf16_add(&s, utf8, strlen(utf8));
    add_octets(b, to, (uint32_t)id << 16 | 0x1f, haul_strz(&s), s.len);
}

static void add_number(bulk *b, props *to, uint32_t tag, uint64_t v, size_t n)
{
    uint8_t p[8];
    haul_put64(p, v);
    add_octets(b, to, tag, p, n);
}

static void add_times(bulk *b, props *to, const haul_bulk_made *m)
{
    uint64_t received = (uint64_t)(m->received * 10 + FILETIME_1970),
             sent = received - 2 * UINT64_C(10000000);
    add_number(b, to, 0x00390040, sent, 8);
    add_number(b, to, 0x0e060040, received, 8);
    add_number(b, to, 0x30070040, received, 8);
    add_number(b, to, 0x30080040, received, 8);
    add_number(b, to, 0x300b0102, received, 8); /* PidTagSearchKey, which MS-PST 2.4.5.1.1 asks for */
}

/* Text as such, or RTF alone. */
static void add_bodies(bulk *b, props *to, const haul_bulk_made *m)
{
    if (m->rtf) {
        haul_str_clear(&b->packed);
        haul_rtfz(&b->packed, haul_strz(&b->rtf), b->rtf.len, false, false);
        add_octets(b, to, 0x10090102, b->packed.p, b->packed.len);
        return;
    }
    add_text(b, to, 0x1000, haul_strz(&b->plain));
    if (!m->html)
        return;
    add_octets(b, to, 0x10130102, b->html.p, b->html.len);
    add_number(b, to, 0x3fde0003, 65001, 4);
}

static void add_headers(bulk *b, props *to, const haul_bulk_made *m)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    haul_civil c;
    haul_civil_from(m->received / HAUL_US - 2, &c);
    const char *date = haul_arena_printf(&b->arena, "%s, %d %s %d %02d:%02d:%02d +0000", days[c.weekday],
                                         c.day, months[c.month - 1], c.year, c.hour, c.minute, c.second);
    haul_str *h = &b->headers;
    haul_str_clear(h);
    for (unsigned hop = 1 + haul_bulk_below(&b->state, 4); hop > 0; hop--)
        haul_str_addf(h,
                      "Received: from mx%u.quay.example (198.51.100.%u) by mx%u.harbour.example\r\n"
                      " with ESMTPS id %016llx; %s\r\n",
                      hop, haul_bulk_below(&b->state, 250), hop - 1,
                      (unsigned long long)haul_mix64(&b->state), date);
    haul_str_addf(h, "Date: %s\r\nFrom: %s <%s>\r\n", date, m->from.name, m->from.address);
    for (size_t i = 0; i < m->n_to; i++)
        haul_str_addf(h, "%s %s <%s>%s",
                      i == 0   ? "To:"
                      : i == 1 ? "Cc:"
                               : ",\r\n",
                      m->to[i].name, m->to[i].address, i == 0 || i + 1 == m->n_to ? "\r\n" : "");
    haul_str_addf(h, "Subject: %s\r\nMessage-ID: %s\r\nMIME-Version: 1.0\r\n", m->subject, m->message_id);
    haul_str_addf(h, "Content-Type: text/plain; charset=utf-8\r\nX-Mailer: Harbour Mail %u\r\n\r\n",
                  haul_bulk_below(&b->state, 9));
    add_text(b, to, 0x007d, haul_strz(h));
}

static void add_props(bulk *b, props *to, const haul_bulk_made *m)
{
    add_text(b, to, 0x0037, m->subject);
    add_text(b, to, 0x0070, m->subject);
    add_text(b, to, 0x001a, "IPM.Note");
    add_text(b, to, 0x1035, m->message_id);
    add_text(b, to, 0x0c1a, m->from.name);
    add_text(b, to, 0x0c1e, "SMTP");
    add_text(b, to, 0x0c1f, m->from.address);
    add_bodies(b, to, m);
    add_times(b, to, m);
    add_number(b, to, 0x0e070003, (m->read ? 1u : 0u) | (m->attachment ? 0x10u : 0u), 4);
}

static void add_recipient(bulk *b, props *to, unsigned type, haul_bulk_person who)
{
    add_number(b, to, 0x0c150003, type, 4);
    add_number(b, to, 0x0ffe0003, 6, 4);
    add_text(b, to, 0x3001, who.name);
    add_text(b, to, 0x3002, "SMTP");
    add_text(b, to, 0x3003, who.address);
}

/* ── attachments ── */

static void fill_figures(source *s, uint8_t *p, size_t n)
{
    for (size_t part; n; p += part, n -= part) {
        if (s->at == s->line.len) {
            haul_str_clear(&s->line);
            haul_bulk_figures(&s->state, &s->line);
            s->at = 0;
        }
        part = s->line.len - s->at < n ? s->line.len - s->at : n;
        memcpy(p, s->line.p + s->at, part);
        s->at += part;
    }
}

static void fill(void *ctx, uint8_t *p, size_t n)
{
    source *s = ctx;
    if (s->figures)
        fill_figures(s, p, n);
    for (size_t i = 0; i < n && !s->figures; i += 8) {
        uint8_t v[8];
        haul_put64(v, haul_mix64(&s->state));
        memcpy(p + i, v, n - i < 8 ? n - i : 8);
    }
    if (s->digest)
        haul_sha256_update(s->digest, p, n);
}

static void make_attachment(bulk *b, props *to, haul_bulk_made *m, haul_made_attachment *a)
{
    source *s = &b->source;
    s->state = haul_mix64(&b->state);
    s->figures = s->state % 3 == 0;
    s->at = 0;
    haul_str_clear(&s->line);
    uint64_t size = haul_bulk_size(&b->state, ATTACHMENT_MEDIAN, SIGMA_1_2) + 1;
    m->size = b->what->attachment ? b->what->attachment : size;
    m->attachment =
        haul_arena_printf(&b->arena, "%s-%llu.%s", haul_bulk_word(&b->state, true),
                          (unsigned long long)haul_bulk_below(&b->state, 10000), s->figures ? "csv" : "bin");
    add_number(b, to, 0x37050003, 1, 4);
    add_text(b, to, 0x3707, m->attachment);
    add_text(b, to, 0x370e, s->figures ? "text/csv" : "application/octet-stream");
    *a = (haul_made_attachment){
        .props = {to->v, to->n}, .has_data = true, .size = m->size, .fill = fill, .ctx = s};
}

/* ── messages ── */

static void make_text(bulk *b, haul_bulk_made *m, uint64_t index)
{
    m->plain = &b->plain;
    if (b->what->tiny) {
        haul_str_clear(&b->plain);
        haul_str_addf(&b->plain, "%s %s\r\n", haul_bulk_word(&b->state, false),
                      haul_bulk_word(&b->state, false));
        return;
    }
    uint64_t size = haul_bulk_size(&b->state, BODY_MEDIAN, SIGMA_1);
    m->rtf = index % RTF_ONLY == RTF_ONLY - 1;
    size_t most = m->rtf ? RTF_MAX : BODY_MAX, octets = size < most ? (size_t)size + 1 : most;
    if (m->rtf) {
        haul_bulk_rtf(&b->state, octets, &b->plain, &b->rtf);
        return;
    }
    haul_bulk_bodies(&b->state, octets, &b->plain, &b->html);
    m->html = &b->html;
}

static void make_message(bulk *b, haul_bulk_made *m, haul_bulk_person to[RECIPIENTS], uint64_t index)
{
    unsigned long long shown = index;
    const char *w[] = {haul_bulk_word(&b->state, true), haul_bulk_word(&b->state, true),
                       haul_bulk_word(&b->state, true)};
    *m = (haul_bulk_made){.folder = b->names[index % b->what->folders],
                          .subject = haul_arena_printf(&b->arena, "%s %s %s %llu", w[0], w[1], w[2], shown),
                          .message_id = haul_arena_printf(&b->arena, "<bulk.%llu@harbour.example>", shown),
                          .from = haul_bulk_someone(&b->state, &b->arena),
                          .to = to,
                          .received = (START + (int64_t)index * 60) * HAUL_US,
                          .read = haul_bulk_below(&b->state, 3) > 0};
    m->n_to = b->what->tiny ? 0 : 2 + haul_bulk_below(&b->state, RECIPIENTS - 1);
    for (size_t i = 0; i < m->n_to; i++)
        to[i] = haul_bulk_someone(&b->state, &b->arena);
    make_text(b, m, index);
}

static void add_message(bulk *b, uint64_t index)
{
    haul_bulk_made made;
    haul_bulk_person to[RECIPIENTS];
    props own = {0}, recipients[RECIPIENTS] = {0}, attached = {0};
    haul_made_props shown[RECIPIENTS];
    haul_made_attachment a;
    uint8_t sum[HAUL_SHA256_LEN];
    haul_arena_reset(&b->arena);
    make_message(b, &made, to, index);
    if (!b->what->tiny && index % WITH_ATTACHMENT == 0)
        make_attachment(b, &attached, &made, &a);
    add_props(b, &own, &made);
    if (!b->what->tiny && haul_bulk_below(&b->state, 2))
        add_headers(b, &own, &made);
    for (unsigned i = 0; i < made.n_to; i++) {
        add_recipient(b, &recipients[i], i ? 2 : 1, to[i]);
        shown[i] = (haul_made_props){recipients[i].v, recipients[i].n};
    }
    haul_made_message m = {.props = {own.v, own.n},
                           .recipients = shown,
                           .n_recipients = made.n_to,
                           .attachments = &a,
                           .n_attachments = made.attachment != NULL};
    haul_made_message_add(b->pst, b->folders[index % b->what->folders], &m, HAUL_PSTW_CONTENTS);
    if (made.attachment && b->source.digest)
        haul_sha256_final(b->source.digest, sum);
    made.sum = sum;
    haul_bulk_list_add(&b->list, &made);
}

/* ── the store ── */

static void open_folders(bulk *b)
{
    unsigned n = b->what->folders;
    b->folders = haul_calloc(n, sizeof(*b->folders));
    b->names = haul_calloc(n, sizeof(*b->names));
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "Folder %u", i + 1);
        b->names[i] = haul_strdup(name);
        b->folders[i] = haul_made_folder(b->pst, HAUL_PSTW_TOP, name, "IPF.Note", HAUL_ROLE_NONE);
    }
}

static void bulk_done(bulk *b)
{
    for (unsigned i = 0; i < b->what->folders; i++)
        free(b->names[i]);
    free(b->names);
    free(b->folders);
    haul_arena_done(&b->arena);
    haul_str *const texts[] = {&b->plain, &b->html, &b->rtf, &b->packed, &b->headers, &b->source.line};
    for (size_t i = 0; i < HAUL_COUNT(texts); i++)
        haul_str_done(texts[i]);
    haul_sha256_free(b->source.digest);
}

haul_rc haul_made_bulk_write(const char *path, const haul_made_bulk *p, haul_err *e)
{
    bulk b = {.what = p, .state = p->seed};
    haul_rc rc = haul_bulk_list_open(&b.list, p->list, e);
    if (rc != HAUL_OK)
        return rc;
    if (p->list)
        b.source.digest = haul_sha256_new();
    b.pst = haul_made_open(path, &p->kind, "bulk");
    open_folders(&b);
    for (uint64_t i = 0; i < p->messages; i++)
        add_message(&b, i);
    rc = haul_made_close(b.pst, e);
    haul_rc listed = haul_bulk_list_close(&b.list, rc == HAUL_OK ? e : NULL);
    bulk_done(&b);
    return rc == HAUL_OK ? listed : rc;
}
