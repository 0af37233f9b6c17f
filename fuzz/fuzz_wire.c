/* Frames from a child that was taken over: whatever is accepted is within its range, and text is text. */
#include "fuzz.h"

#include "base/time.h"
#include "model/wire.h"

static void check_time(int64_t us, int16_t tz)
{
    check(us >= HAUL_TIME_MIN && us <= HAUL_TIME_MAX && tz > -1440 && tz < 1440);
}

static void check_message(const haul_msg *m)
{
    check_text(m->key);
    check_text(m->place);
    check_text(m->subject);
    check_text(m->sender);
    check_text(m->message_id);
    check((unsigned)m->kind < HAUL_KIND_COUNT && !(m->flags & ~HAUL_FLAG_ALL) && !(m->set & HAUL_SET_BODY));
    check(m->n_keywords <= HAUL_KEYWORDS_MAX && !m->body);
    for (size_t i = 0; i < m->n_keywords; i++)
        check_text(m->keywords[i]);
    check_time(m->received_us, m->received_tz);
    check_time(m->sent_us, m->sent_tz);
}

static void check_issues(const haul_msg *m)
{
    for (const haul_issue *i = m->issues; i; i = i->next) {
        check((unsigned)i->id < HAUL_ISSUE_COUNT);
        check_text(i->detail);
    }
}

/* What was accepted can be said again, and is then understood the same. */
static void check_again(const haul_msg *m, haul_wire_at at)
{
    haul_auto_str frame = {0};
    haul_msg *other = haul_msg_new();
    haul_wire_at again = {0};
    haul_wire_type type;
    uint32_t n = 0;
    if (haul_wire_put_message(&frame, at, m)) {
        check(haul_wire_get_head(frame.p, &type, &n) && type == HAUL_WIRE_MESSAGE);
        check(n + HAUL_WIRE_HEAD == frame.len);
        check(haul_wire_get_message(frame.p + HAUL_WIRE_HEAD, n, &again, other));
        check(again.step == at.step && again.ordinal == at.ordinal && strcmp(other->key, m->key) == 0);
        check(other->n_keywords == m->n_keywords && other->fingerprint == m->fingerprint);
    }
    haul_msg_unref(other);
}

static void take(haul_wire_type type, const char *p, size_t n)
{
    haul_msg *m = haul_msg_new();
    haul_wire_at at = {0};
    haul_err why = {0};
    haul_rc rc = HAUL_OK;
    haul_folder f = {0};
    haul_issue_id id;
    const char *detail = NULL;
    uint32_t held;
    uint64_t stretch;
    switch (type) {
    case HAUL_WIRE_READY:
        (void)haul_wire_get_ready(p, n, &held);
        break;
    case HAUL_WIRE_ISSUE:
        if (haul_wire_get_issue(p, n, &m->arena, &at, &id, &detail))
            check((unsigned)id < HAUL_ISSUE_COUNT);
        check_text(detail);
        break;
    case HAUL_WIRE_FOLDER:
        if (haul_wire_get_folder(p, n, &m->arena, &f))
            check((unsigned)f.role < HAUL_ROLE_COUNT && f.name[0]);
        check_text(f.name);
        break;
    case HAUL_WIRE_MESSAGE:
        if (haul_wire_get_message(p, n, &at, m)) {
            check_message(m);
            check_again(m, at);
        }
        break;
    case HAUL_WIRE_LOST:
        if (haul_wire_get_lost(p, n, &at, m, &why))
            check_message(m);
        break;
    case HAUL_WIRE_BODY_END:
        if (haul_wire_get_body_end(p, n, m, &rc, &why))
            check(rc == HAUL_OK || rc == HAUL_SKIP);
        break;
    case HAUL_WIRE_FAIL:
        if (haul_wire_get_fail(p, n, &rc, &why))
            check(rc < 0);
        break;
    case HAUL_WIRE_TURN:
        (void)haul_wire_get_turn(p, n, &stretch);
        break;
    case HAUL_WIRE_CHUNK:
    case HAUL_WIRE_END:
    case HAUL_WIRE_TYPES:
        break;
    }
    check_issues(m);
    check_text(why.text);
    haul_msg_unref(m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t at = 0;
    while (size - at >= HAUL_WIRE_HEAD) {
        haul_wire_type type;
        uint32_t n = 0;
        if (!haul_wire_get_head((const char *)data + at, &type, &n))
            break;
        at += HAUL_WIRE_HEAD;
        n = n < size - at ? n : (uint32_t)(size - at); /* cut short: a frame that lies about its end */
        char *p = malloc(n + 1); /* its own block: the sanitizer sees every octet too far */
        memcpy(p, data + at, n);
        take(type, p, n);
        free(p);
        at += n;
    }
    return 0;
}
