/* What a folder can hold of flags and keywords. */
#include "imap/keywords.h"
#include "imap/upload.h"

#include "base/utf.h"
#include "mime/header.h"

#include <stdlib.h>
#include <string.h>

static uint32_t intern(haul_upload *up, const char *text)
{
    gpointer at = NULL;
    if (!up->flag_texts) {
        up->flag_texts = g_ptr_array_new_with_free_func(g_free);
        up->flag_index = g_hash_table_new(g_str_hash, g_str_equal);
    }
    if (g_hash_table_lookup_extended(up->flag_index, text, NULL, &at))
        return GPOINTER_TO_UINT(at);
    uint32_t index = up->flag_texts->len;
    char *copy = g_strdup(text);
    g_ptr_array_add(up->flag_texts, copy);
    g_hash_table_insert(up->flag_index, copy, GUINT_TO_POINTER(index));
    return index;
}

const char *haul_flags_at(const haul_upload *up, uint32_t index)
{
    return g_ptr_array_index(up->flag_texts, index);
}

uint32_t haul_flags_without_keywords(haul_upload *up, uint32_t index)
{
    haul_auto_str text = {0};
    for (const char *p = haul_flags_at(up, index); *p;) {
        size_t n = strcspn(p, " ");
        if (*p == '\\')
            haul_str_addf(&text, "%s%.*s", text.len ? " " : "", (int)n, p);
        p += n + (p[n] == ' ');
    }
    return intern(up, haul_strz(&text));
}

/* ── keywords of a folder ── */

static void keyword_free(gpointer p)
{
    haul_keyword *k = p;
    free(k->name);
    free(k);
}

GHashTable *haul_keywords_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, keyword_free);
}

haul_keyword *haul_box_keyword(haul_box *b, const char *atom)
{
    char *low = g_ascii_strdown(atom, -1);
    haul_keyword *k = g_hash_table_lookup(b->keywords, low);
    if (k) {
        g_free(low);
        return k;
    }
    k = haul_calloc(1, sizeof(*k));
    k->name = haul_strdup(atom);
    g_hash_table_insert(b->keywords, low, k);
    return k;
}

/* The next keyword of a text of flags; NULL: no more. */
static haul_keyword *next_keyword(haul_box *b, const char **at)
{
    while (**at) {
        haul_auto_str atom = {0};
        size_t n = strcspn(*at, " ");
        haul_str_add(&atom, *at, n);
        *at += n + ((*at)[n] == ' ');
        if (atom.p[0] != '\\')
            return haul_box_keyword(b, atom.p);
    }
    return NULL;
}

bool haul_box_announce(haul_box *b, const char *flags, uint64_t batch)
{
    bool announce = false;
    for (haul_keyword *k; (k = next_keyword(b, &flags));) {
        announce |= !k->proved && k->in != batch;
        k->in = batch;
    }
    return announce;
}

void haul_box_proved(haul_box *b, const char *flags)
{
    for (haul_keyword *k; (k = next_keyword(b, &flags));)
        k->proved = true;
}

void haul_box_refused(haul_box *b, const char *flags)
{
    haul_keyword *only = NULL;
    size_t n = 0;
    for (haul_keyword *k; (k = next_keyword(b, &flags));)
        if (!k->proved) {
            only = k;
            n++;
        }
    if (n == 1)
        only->refused = true;
}

static const haul_keyword *known(const haul_box *b, const char *atom)
{
    char *low = g_ascii_strdown(atom, -1);
    const haul_keyword *k = g_hash_table_lookup(b->keywords, low);
    g_free(low);
    return k;
}

/* ── of a message ── */

static void add_atom(const char *atom, haul_str *to)
{
    haul_str_addf(to, "%s%s", to->len ? " " : "", atom);
}

static void add_keyword(haul_upload *up, haul_box *b, const haul_msg *m, const char *keyword, haul_str *to)
{
    haul_auto_str atom = {0};
    bool cut = false;
    haul_imap_keyword_write(keyword, &atom, &cut);
    const haul_keyword *there = known(b, haul_strz(&atom));
    if (there ? there->refused : b->knows_flags && !b->any_keyword) {
        haul_sink_issue(up->sink, m, HAUL_ISSUE_KEYWORD_NOT_HELD, "%s", keyword);
        return;
    }
    if (cut || (there && strcmp(there->name, haul_strz(&atom)) != 0))
        haul_sink_issue(up->sink, m, HAUL_ISSUE_KEYWORD_NAME_CHANGED, "%s → %s", keyword,
                        there ? there->name : haul_strz(&atom));
    if (!there)
        haul_box_keyword(b, haul_strz(&atom));
    add_atom(haul_strz(&atom), to);
}

static void add_flags(haul_upload *up, haul_box *b, const haul_msg *m, haul_str *to)
{
    haul_auto_str lost = {0};
    unsigned not_held = 0;
    for (unsigned bit = 1; bit & HAUL_FLAG_ALL; bit <<= 1) {
        const char *name = m->flags & bit ? haul_imap_flag_name(bit) : NULL;
        if (!name)
            continue;
        const haul_keyword *k = name[0] == '\\' ? NULL : known(b, name);
        if ((b->knows_flags && !(b->flags & bit) && (name[0] == '\\' || !b->any_keyword)) ||
            (k && k->refused))
            not_held |= bit;
        else
            add_atom(name, to);
    }
    if (!not_held)
        return;
    haul_flags_text(not_held, &lost);
    haul_sink_issue(up->sink, m, HAUL_ISSUE_TARGET_FLAGS_NOT_HELD, "%s", haul_strz(&lost));
}

uint32_t haul_box_flags(haul_upload *up, haul_box *b, const haul_msg *m)
{
    haul_auto_str text = {0};
    add_flags(up, b, m, &text);
    for (size_t i = 0; i < m->n_keywords && !up->gmail; i++)
        add_keyword(up, b, m, m->keywords[i], &text);
    return intern(up, haul_strz(&text));
}

uint32_t haul_box_flags_of(haul_upload *up, const haul_box *b, unsigned flags)
{
    haul_auto_str text = {0};
    for (unsigned bit = 1; bit & HAUL_FLAG_ALL; bit <<= 1) {
        const char *name = flags & bit ? haul_imap_flag_name(bit) : NULL;
        if (name && (!b->knows_flags || b->flags & bit || (name[0] != '\\' && b->any_keyword)))
            haul_str_addf(&text, "%s%s", text.len ? " " : "", name);
    }
    return intern(up, haul_strz(&text));
}

bool haul_msg_needs_utf8(const haul_msg *m)
{
    const char *p = NULL;
    size_t n = 0;
    if (!haul_spool_get_facts(m->body)->eight_bit ||
        haul_spool_head(m->body, HAUL_HEAD_MAX, &p, &n, NULL) != HAUL_OK)
        return false;
    size_t head = haul_header_length(p, n);
    return haul_ascii_run(p, head) < head && haul_utf8_valid(p, head);
}
