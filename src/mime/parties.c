#include "base/utf.h"
#include "mime/facts.h"
#include "mime/header.h"

#include <string.h>

typedef struct walk {
    bool (*fn)(void *ctx, haul_party who, const char *addr);
    void *ctx;
    haul_str addr;
} walk;

/* Where the mailbox at `at` ends: a comma or semicolon outside of quotes, comments and angle brackets. */
static size_t mailbox_end(haul_span v, size_t at)
{
    unsigned comments = 0;
    bool quoted = false, angled = false;
    for (; at < v.len; at++) {
        char c = v.p[at];
        if (c == '\\' && (quoted || comments)) {
            at++;
            continue;
        }
        if (c == '"' && !comments)
            quoted = !quoted;
        else if (!quoted && (c == '(' || c == ')'))
            comments += c == '(' ? 1u : comments ? -1u : 0u;
        else if (!quoted && !comments && (c == '<' || c == '>'))
            angled = c == '<';
        else if (!quoted && !comments && !angled && (c == ',' || c == ';'))
            break;
    }
    return at < v.len ? at : v.len;
}

static bool tell(walk *w, haul_party who, haul_span addr)
{
    haul_str_clear(&w->addr);
    haul_utf8_clean(&w->addr, addr.p, addr.len, true);
    for (size_t i = 0; i < w->addr.len; i++)
        w->addr.p[i] = (char)haul_lower((unsigned char)w->addr.p[i]);
    return w->fn(w->ctx, who, haul_strz(&w->addr));
}

static bool walk_field(walk *w, haul_party who, haul_span v)
{
    for (size_t at = 0, end; at < v.len; at = end + 1) {
        haul_span addr;
        end = mailbox_end(v, at);
        if (haul_header_addr((haul_span){v.p + at, end - at}, &addr) && memchr(addr.p, '@', addr.len) &&
            !tell(w, who, addr))
            return false;
    }
    return true;
}

void haul_facts_parties(const char *p, size_t n, bool (*fn)(void *ctx, haul_party who, const char *addr),
                        void *ctx)
{
    static const char *const names[] = {"from", "sender", "to", "cc", "bcc"};
    walk w = {.fn = fn, .ctx = ctx};
    haul_field f;
    size_t pos = 0;
    for (bool on = true; on && haul_header_next(p, n, &pos, &f);)
        for (size_t i = 0; i < HAUL_COUNT(names) && on; i++)
            if (haul_span_is(f.name, names[i]))
                on = walk_field(&w, i < 2 ? HAUL_PARTY_SENDER : HAUL_PARTY_RECIPIENT, f.value);
    haul_str_done(&w.addr);
}
