#include "pst_make/bulk_list.h"

#include "base/json.h"
#include "base/time.h"

#include <string.h>

haul_rc haul_bulk_list_open(haul_bulk_list *l, const char *path, haul_err *e)
{
    *l = (haul_bulk_list){.path = path};
    if (!path)
        return HAUL_OK;
    l->file = fopen(path, "we");
    if (!l->file)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", path);
    l->digest = haul_sha256_new();
    return HAUL_OK;
}

static void add_sum(haul_str *to, const char *name, const uint8_t sum[HAUL_SHA256_LEN])
{
    char hex[HAUL_SHA256_HEX];
    haul_hex(hex, sum, HAUL_SHA256_LEN);
    haul_json_member(to, name, hex);
}

static void add_text(haul_bulk_list *l, const char *name, const haul_str *text)
{
    uint8_t sum[HAUL_SHA256_LEN];
    haul_sha256_update(l->digest, haul_strz(text), text->len);
    haul_sha256_final(l->digest, sum);
    add_sum(&l->line, name, sum);
}

/* RTF has no line ends of its own, so readers may choose them. */
static void add_folded(haul_bulk_list *l, const char *name, const haul_str *text)
{
    haul_auto_str folded = {0};
    for (size_t i = 0; i < text->len; i++) {
        bool blank = memchr(" \r\n", text->p[i], 3) != NULL;
        if (!blank)
            haul_str_add(&folded, &text->p[i], 1);
        else if (folded.len && folded.p[folded.len - 1] != ' ')
            haul_str_addz(&folded, " ");
    }
    if (folded.len && folded.p[folded.len - 1] == ' ')
        folded.len--;
    add_text(l, name, &folded);
}

static void add_attachment(haul_bulk_list *l, const haul_bulk_made *m)
{
    haul_json_key(&l->line, "attachments");
    haul_str_addz(&l->line, "[");
    if (m->attachment) {
        haul_str_addz(&l->line, "{");
        haul_json_member(&l->line, "name", m->attachment);
        haul_json_member_u64(&l->line, "size", m->size);
        add_sum(&l->line, "sha256", m->sum);
        haul_str_addz(&l->line, "}");
    }
    haul_str_addz(&l->line, "]");
}

void haul_bulk_list_add(haul_bulk_list *l, const haul_bulk_made *m)
{
    if (!l->file)
        return;
    char received[HAUL_ISO_LEN];
    const char *to[16];
    size_t n = 0;
    for (; n < m->n_to && n < HAUL_COUNT(to); n++)
        to[n] = m->to[n].address;
    haul_iso_format(received, m->received);
    haul_str_clear(&l->line);
    haul_str_addz(&l->line, "{");
    haul_json_member(&l->line, "folder", m->folder);
    haul_json_member(&l->line, "subject", m->subject);
    haul_json_member(&l->line, "message_id", m->message_id);
    haul_json_member(&l->line, "from", m->from.address);
    haul_json_member_list(&l->line, "to", to, n);
    haul_json_member(&l->line, "received", received);
    haul_json_key(&l->line, "read");
    haul_str_addz(&l->line, m->read ? "true" : "false");
    if (m->rtf)
        add_folded(l, "rtf", m->plain);
    else
        add_text(l, "plain", m->plain);
    if (m->html)
        add_text(l, "html", m->html);
    add_attachment(l, m);
    haul_str_addz(&l->line, "}\n");
    fwrite(l->line.p, 1, l->line.len, l->file); /* ferror tells at the end */
}

haul_rc haul_bulk_list_close(haul_bulk_list *l, haul_err *e)
{
    bool bad = l->file && ferror(l->file);
    if (l->file && fclose(l->file) != 0)
        bad = true;
    haul_sha256_free(l->digest);
    haul_str_done(&l->line);
    return bad ? haul_fail(e, HAUL_E_TARGET, "%s: it cannot be written", l->path) : HAUL_OK;
}
