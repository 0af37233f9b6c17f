/* Gmail: keywords become labels (X-GM-EXT-1), which an APPEND cannot carry. They are stored before the journal
 * learns of the message: a run that is cut off in between finds it again by content, and labels it then. */
#include "imap/names.h"
#include "imap/upload.h"

#include <stdlib.h>
#include <string.h>

/* A label is a mailbox name; one that begins with a backslash would be one of Gmail's own. */
static bool add_label(const haul_upload *up, const char *keyword, haul_str *to)
{
    haul_auto_str one = {0};
    if (keyword[0] == '\\' || !haul_imap_mailbox(keyword, up->utf8, &one))
        return false;
    haul_str_addf(to, "%s%s", to->len ? " " : "", one.p);
    return true;
}

void haul_labels_add(haul_upload *up, haul_box *b, const haul_msg *m, uint32_t uid)
{
    haul_auto_str text = {0};
    for (size_t i = 0; i < m->n_keywords; i++)
        if (!add_label(up, m->keywords[i], &text))
            haul_sink_issue(up->sink, m, HAUL_ISSUE_KEYWORD_NOT_HELD, "%s", m->keywords[i]);
    if (!text.len)
        return;
    if (b->n_labels % 64 == 0)
        b->labels = haul_realloc(b->labels, (b->n_labels + 64) * sizeof(*b->labels));
    b->labels[b->n_labels++] = (haul_label_of){.uid = uid, .text = haul_strdup(text.p)};
}

static void on_stored(haul_imap_command *c, const haul_imap_reply *r)
{
    haul_upload *up = c->ctx;
    if (r->kind != HAUL_IMAP_OK)
        haul_sink_issue(up->sink, NULL, HAUL_ISSUE_KEYWORD_NOT_HELD, "labels: the server said: %.*s",
                        (int)r->rest.len, r->rest.p);
}

/* All of them at once; the last answer is waited for. */
static haul_rc store_on(haul_upload *up, haul_link *l, haul_box *b, haul_err *e)
{
    haul_rc rc = haul_box_visit(up, l, b, e);
    for (size_t i = 0; rc == HAUL_OK && i < b->n_labels; i++) {
        haul_imap_command *c =
            haul_imap_command_new("UID STORE %u +X-GM-LABELS (", (unsigned)b->labels[i].uid);
        haul_str_addf(&c->text, "%s)\r\n", b->labels[i].text);
        c->tagged = on_stored;
        c->ctx = up;
        haul_imap_queue(&l->session.client, c);
    }
    return rc == HAUL_OK ? haul_imap_run(&l->session.client, haul_imap_command_new("NOOP\r\n"), NULL, e) : rc;
}

void haul_labels_done(haul_box *b)
{
    for (size_t i = 0; i < b->n_labels; i++)
        free(b->labels[i].text);
    free(b->labels);
    b->labels = NULL;
    b->n_labels = 0;
}

static haul_rc store_box(haul_upload *up, haul_box *b, haul_err *e)
{
    while (b->n_labels) {
        haul_link *l = NULL;
        haul_err why = {0};
        haul_rc rc = haul_link_idle(up, b, &l, e);
        if (rc != HAUL_OK)
            return rc;
        rc = store_on(up, l, b, &why);
        if (rc == HAUL_OK) {
            haul_labels_done(b);
        } else if (rc == HAUL_E_NETWORK) {
            up->last_loss = why;
            haul_link_lose(up, l);
        } else {
            if (e)
                *e = why;
            return rc;
        }
    }
    return HAUL_OK;
}

haul_rc haul_labels_store(haul_upload *up, haul_err *e)
{
    haul_rc rc = HAUL_OK;
    for (size_t i = 0; up->gmail && i < up->n_boxes && rc == HAUL_OK; i++)
        if (up->boxes[i])
            rc = store_box(up, up->boxes[i], e);
    return rc;
}

bool haul_labels_wait(const haul_upload *up)
{
    for (size_t i = 0; up->gmail && i < up->n_boxes; i++)
        if (up->boxes[i] && up->boxes[i]->n_labels)
            return true;
    return false;
}
