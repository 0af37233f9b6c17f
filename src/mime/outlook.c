#include "mime/outlook.h"

#include "mime/outlook_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void haul_outlook_issue(haul_outlook *x, haul_issue_id id, const char *fmt, ...)
{
    char text[HAUL_ERR_TEXT];
    va_list ap;
    if (!x->opt || !x->opt->issue)
        return;
    int n = snprintf(text, sizeof(text), "%s", x->where);
    size_t used = n > 0 && (size_t)n < sizeof(text) ? (size_t)n : 0;
    va_start(ap, fmt);
    vsnprintf(text + used, sizeof(text) - used, fmt, ap);
    va_end(ap);
    x->opt->issue(x->opt->ctx, id, text);
}

static haul_outlook *outlook_new(const haul_msg *m, const haul_outlook_options *opt, haul_span octets,
                                 haul_spool *spool)
{
    haul_outlook *x = haul_calloc(1, sizeof(*x));
    x->o.ops = &haul_outlook_ops;
    x->o.source = x;
    x->m = m;
    x->opt = opt;
    x->where = "";
    x->octets = octets;
    x->spool = spool;
    x->to = (haul_put){&x->o.props, &x->o.arena};
    return x;
}

/* MS-OXCMAIL 2.2.3: analysis of the MIME, header, body, attachments. */
static void read_all(haul_outlook *x)
{
    haul_outlook_tree(x);
    haul_outlook_bodies(x);
    haul_outlook_class(x);
    haul_outlook_body(x);
    haul_outlook_head(x);
    haul_outlook_attachments(x);
    if (x->m && x->opt && x->opt->keep_original)
        haul_outlook_original(x);
    haul_outlook_model(x);
}

haul_rc haul_outlook_open(const haul_msg *m, const haul_outlook_options *opt, haul_mapi **ret, haul_err *e)
{
    haul_span octets = {0};
    haul_rc rc = haul_spool_map(m->body, &octets.p, &octets.len, e);
    if (rc != HAUL_OK)
        return rc;
    haul_outlook *x = outlook_new(m, opt, octets, m->body);
    read_all(x);
    *ret = &x->o;
    return HAUL_OK;
}

haul_mapi *haul_outlook_inside(haul_outlook *x, haul_span octets, haul_spool *own, size_t i)
{
    haul_outlook *inner = outlook_new(NULL, x->opt, octets, own ? own : x->spool);
    inner->own = own;
    inner->o.depth = x->o.depth + 1;
    inner->where = haul_arena_printf(&inner->o.arena, "%sattachment %zu: ", x->where, i + 1);
    read_all(inner);
    return &inner->o;
}
