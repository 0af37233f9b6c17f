/* The APPEND command: one message, or many (RFC 3502). */
#include "imap/upload.h"

#include <stdlib.h>
#include <string.h>

#define MINUS_MAX 4096u /* RFC 7888: LITERAL- allows no larger literal unasked */

haul_batch *haul_batch_new(haul_upload *up, haul_box *box)
{
    haul_batch *b = haul_calloc(1, sizeof(*b));
    *b = (haul_batch){.up = up, .box = box, .number = ++up->batches, .begun_ms = haul_clock_ms()};
    b->command = haul_imap_command_new("APPEND ");
    haul_str_addz(&b->command->text, box->wire);
    b->command->ctx = b;
    b->command->tagged = haul_batch_answered;
    b->command->keep = b->command->literal = true;
    return b;
}

void haul_batch_free(haul_batch *b)
{
    if (!b)
        return;
    haul_imap_command_free(b->command);
    free(b->items);
    free(b);
}

bool haul_batch_full(const haul_batch *b)
{
    return !b->up->multi || b->n_items >= b->up->batch_messages || b->octets >= HAUL_BATCH_OCTETS ||
           b->items[b->n_items - 1]->streamed;
}

/* The whole canonical body behind the text. */
static haul_rc add_body(haul_str *to, haul_spool *body, uint64_t size, haul_err *e)
{
    haul_spool_cursor at = {0};
    size_t n = 1, end = to->len + (size_t)size;
    haul_rc rc = HAUL_OK;
    haul_str_room(to, (size_t)size + HAUL_SPOOL_PULL_MIN + HAUL_EOL_SLACK);
    while (rc == HAUL_OK && n) {
        rc = haul_spool_pull(body, &at, to->p + to->len, to->cap - to->len - 1, &n, e);
        to->len += rc == HAUL_OK ? n : 0;
    }
    if (rc == HAUL_OK && to->len != end)
        rc = haul_fail(e, HAUL_E_TARGET, "a body of %llu octets where %llu were announced",
                       (unsigned long long)(to->len - (end - size)), (unsigned long long)size);
    to->p[to->len] = '\0';
    return rc;
}

/* " (\Seen) "date" {123+}": whether the server has to be asked before the octets follow. */
static bool announce(haul_batch *b, const haul_pending *item, haul_str *to)
{
    const haul_upload *up = b->up;
    const char *flags = haul_flags_at(up, item->flags);
    bool is_new = haul_box_announce(b->box, flags, b->number);
    bool wait = is_new || !(up->plus || (up->minus && item->size <= MINUS_MAX));
    b->alone |= is_new && (up->plus || up->minus); /* what has the keyword, too, need not wait one by one */
    if (*flags)
        haul_str_addf(to, " (%s)", flags);
    haul_str_addf(to, " \"%s\" %s{%llu%s}\r\n", item->date, item->utf8 ? "UTF8 (~" : "",
                  (unsigned long long)item->size, wait ? "" : "+");
    return wait;
}

haul_rc haul_batch_add(haul_batch *b, haul_pending *item, const haul_batch *from, haul_err *e)
{
    haul_imap_command *c = b->command;
    haul_rc rc = HAUL_OK;
    if (announce(b, item, &c->text))
        haul_imap_piece_end(c, true);
    else if (item->streamed)
        haul_imap_piece_end(c, false);
    size_t at = c->text.len;
    if (item->streamed)
        haul_imap_piece_body(c, item->msg->body, item->size);
    else if (from)
        haul_str_add(&c->text, from->command->text.p + item->body, (size_t)item->size);
    else
        rc = add_body(&c->text, item->msg->body, item->size, e);
    if (rc != HAUL_OK)
        return rc;
    item->body = at;
    if (item->utf8)
        haul_str_addc(&c->text, ')');
    if (b->n_items % 32 == 0)
        b->items = haul_realloc(b->items, (b->n_items + 32) * sizeof(*b->items));
    b->items[b->n_items++] = item;
    b->octets += item->size;
    return HAUL_OK;
}

void haul_batch_finish(haul_batch *b)
{
    haul_str_addz(&b->command->text, "\r\n");
}

void haul_pending_free(haul_pending *item)
{
    if (!item)
        return;
    haul_msg_unref(item->msg);
    free(item);
}

/* A batch of some of b's items, finished. Bodies are in memory or in their spools: nothing can fail. */
static haul_batch *part_of(const haul_batch *b, size_t from, size_t n)
{
    haul_batch *part = haul_batch_new(b->up, b->box);
    for (size_t i = from; i < from + n; i++)
        (void)!haul_batch_add(part, b->items[i], b, NULL);
    haul_batch_finish(part);
    part->retries = b->retries;
    return part;
}

void haul_batch_halve(haul_batch *b, bool alone, haul_batch *ret[2])
{
    size_t half = b->n_items / 2;
    ret[0] = part_of(b, 0, half);
    ret[1] = part_of(b, half, b->n_items - half);
    ret[0]->alone |= alone;
    ret[1]->alone |= alone;
    haul_batch_free(b);
}

haul_batch *haul_batch_single(const haul_batch *b, size_t i)
{
    return part_of(b, i, 1);
}
