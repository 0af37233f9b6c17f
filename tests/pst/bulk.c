#include "pst/bulk.h"

#include "../../formats/pst/crypt.h" /* "pst/…" is the writer */
#include "base/arena.h"
#include "mime/put.h"
#include "pst/le.h"
#include "pst/messaging.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PLAIN_SIZE      5000u
#define ATTACHMENT_SIZE 51200u
#define EVERY           4u
#define START           INT64_C(132223104000000000) /* 2020-01-01 as file time */
#define MINUTE          INT64_C(600000000)
#define PROPS           24u

static const char *const words[] = {
    "the",   "harbour", "of",    "lantern", "and",      "signal", "for",    "keeper",  "a",      "vessel",
    "to",    "report",  "tide",  "with",    "rope",     "from",   "anchor", "invoice", "budget", "meeting",
    "cargo", "on",      "is",    "crane",   "schedule", "winter", "store",  "at",      "ledger", "review",
    "quay",  "new",     "Größe", "naïve",   "manifest", "draft",  "answer", "by",      "please", "contract",
};

typedef struct bulk {
    haul_pstw *pst;
    uint64_t state;
    haul_arena arena; /* of one message */
    haul_str plain, html;
} bulk;

typedef struct props {
    haul_made_value v[PROPS];
    size_t n;
} props;

static const char *word(bulk *b)
{
    return words[haul_mix64(&b->state) % HAUL_COUNT(words)];
}

static void add_text(bulk *b, props *to, uint16_t id, const char *utf8)
{
    haul_auto_str s = {0};
    haul_utf16_add(&s, utf8, strlen(utf8));
    to->v[to->n++] = (haul_made_value){
        .tag = (uint32_t)id << 16 | 0x1f, .p = haul_arena_strn(&b->arena, s.p, s.len), .n = s.len};
}

static void add_number(bulk *b, props *to, uint32_t tag, uint64_t v, size_t n)
{
    uint8_t p[8];
    haul_put64(p, v);
    to->v[to->n++] = (haul_made_value){.tag = tag, .p = haul_arena_strn(&b->arena, p, n), .n = n};
}

static void make_bodies(bulk *b, unsigned long long index)
{
    haul_str_clear(&b->plain);
    haul_str_clear(&b->html);
    haul_str_addf(&b->html, "<html><head><meta charset=\"utf-8\"></head><body><h1>Message %llu</h1>\r\n",
                  index);
    while (b->plain.len < PLAIN_SIZE) {
        haul_str_addz(&b->html, "<p style=\"margin:0cm;font-size:11.0pt;font-family:Calibri\">");
        for (unsigned i = 0, n = 8 + (unsigned)(haul_mix64(&b->state) % 10); i < n; i++) {
            const char *w = word(b);
            haul_str_addf(&b->plain, "%s%s", i ? " " : "", w);
            haul_str_addf(&b->html, i % 4 ? "%s " : "<b>%s</b> ", w);
        }
        haul_str_addz(&b->plain, ".\r\n");
        haul_str_addz(&b->html, "<o:p></o:p></p>\r\n");
    }
    haul_str_addz(&b->html, "</body></html>\r\n");
}

static void add_times(bulk *b, props *to, uint64_t index)
{
    uint64_t when = (uint64_t)START + index * (uint64_t)MINUTE;
    add_number(b, to, 0x00390040, when, 8);
    add_number(b, to, 0x0e060040, when + (uint64_t)MINUTE / 30, 8);
    add_number(b, to, 0x30070040, when, 8);
    add_number(b, to, 0x30080040, when, 8);
}

static void make_props(bulk *b, props *to, uint64_t index)
{
    unsigned long long shown = index;
    make_bodies(b, shown);
    const char *w[] = {word(b), word(b), word(b)};
    const char *subject = haul_arena_printf(&b->arena, "%s %s %s %llu", w[0], w[1], w[2], shown);
    add_text(b, to, 0x0037, subject);
    add_text(b, to, 0x0070, subject);
    add_text(b, to, 0x001a, "IPM.Note");
    add_text(b, to, 0x1035, haul_arena_printf(&b->arena, "<bulk.%llu@harbour.example>", shown));
    add_text(b, to, 0x0c1a, "Ada Keeper");
    add_text(b, to, 0x0c1e, "SMTP");
    add_text(b, to, 0x0c1f, "ada@harbour.example");
    add_text(b, to, 0x1000, haul_strz(&b->plain));
    to->v[to->n++] = (haul_made_value){.tag = 0x10130102, .p = b->html.p, .n = b->html.len};
    add_number(b, to, 0x3fde0003, 65001, 4);
    add_times(b, to, index);
    add_number(b, to, 0x0e070003, (haul_mix64(&b->state) % 3 ? 1u : 0u) | (index % EVERY == 0 ? 0x10u : 0u),
               4);
}

static void make_recipient(bulk *b, props *to, unsigned type, const char *name, const char *address)
{
    add_number(b, to, 0x0c150003, type, 4);
    add_number(b, to, 0x0ffe0003, 6, 4);
    add_text(b, to, 0x3001, name);
    add_text(b, to, 0x3002, "SMTP");
    add_text(b, to, 0x3003, address);
}

static void make_attachment(bulk *b, props *to, haul_made_attachment *a, uint64_t index)
{
    uint8_t *data = haul_arena_alloc(&b->arena, ATTACHMENT_SIZE);
    for (size_t i = 0; i < ATTACHMENT_SIZE; i += 8)
        haul_put64(data + i, haul_mix64(&b->state));
    add_number(b, to, 0x37050003, 1, 4);
    add_text(b, to, 0x3707, haul_arena_printf(&b->arena, "cargo-%llu.bin", (unsigned long long)index));
    add_text(b, to, 0x370e, "application/octet-stream");
    *a = (haul_made_attachment){
        .props = {to->v, to->n}, .has_data = true, .data = data, .size = ATTACHMENT_SIZE};
}

static haul_rc add_message(bulk *b, uint32_t folder, uint64_t index, haul_err *e)
{
    props message = {0}, to[2] = {0}, attached = {0};
    haul_made_attachment a;
    haul_arena_reset(&b->arena);
    make_props(b, &message, index);
    make_recipient(b, &to[0], 1, "Ben Lightkeeper", "ben@lighthouse.example");
    make_recipient(b, &to[1], 2, "Cleo Boatwright", "cleo@wharf.example");
    if (index % EVERY == 0)
        make_attachment(b, &attached, &a, index);
    haul_made_props recipients[] = {{to[0].v, to[0].n}, {to[1].v, to[1].n}};
    haul_made_message m = {.props = {message.v, message.n},
                           .recipients = recipients,
                           .n_recipients = 2,
                           .attachments = &a,
                           .n_attachments = index % EVERY == 0};
    return haul_made_add(b->pst, folder, &m, HAUL_PSTW_CONTENTS, e);
}

haul_rc haul_pstw_bulk_write(const char *path, const haul_pstw_bulk *p, haul_err *e)
{
    bulk b = {.state = p->seed};
    haul_rc rc = haul_made_open(path, HAUL_CRYPT_PERMUTE, "bulk", &b.pst, e);
    if (rc != HAUL_OK)
        return rc;
    unsigned n = p->folders ? p->folders : 1;
    uint32_t *folders = haul_calloc(n, sizeof(*folders));
    for (unsigned i = 0; i < n; i++) {
        char name[32];
        snprintf(name, sizeof(name), "Folder %u", i + 1);
        folders[i] = haul_pstw_folder(b.pst, HAUL_PSTW_TOP, name, "IPF.Note", HAUL_ROLE_NONE);
    }
    for (uint64_t i = 0; i < p->messages && rc == HAUL_OK; i++)
        rc = add_message(&b, folders[i % n], i, e);
    haul_rc done = haul_made_close(b.pst, rc == HAUL_OK ? e : NULL);
    rc = rc == HAUL_OK ? done : rc;
    free(folders);
    haul_arena_done(&b.arena);
    haul_str_done(&b.plain);
    haul_str_done(&b.html);
    return rc;
}
