/* The mbox reader: whatever the octets are, reading them whole and reading them a few at a time must give the
 * same messages, none longer than the file; and what our writer makes of a message must come back as it was. */
#include "mbox.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROUND_TRIP_MAX 16384u /* octets of input that are also written and read again */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct collect {
    haul_out out;
    haul_str *text;
} collect;

static haul_rc take(haul_out *o, const void *p, size_t n, haul_err *e)
{
    (void)e;
    haul_str_add(((collect *)o)->text, p, n);
    return HAUL_OK;
}

static void require(bool ok)
{
    if (!ok)
        abort();
}

/* Messages one after the other, each with offset, flags and octets. */
static void read_all(const uint8_t *data, size_t size, size_t step, haul_mbox_quoting quoting, haul_str *to)
{
    haul_mbox mb = {.quoting = quoting};
    haul_msg *m = haul_msg_new();
    haul_rc rc;
    uint64_t total = 0;
    haul_mbox_start(&mb, haul_in_from_mem(data, size, step));
    while ((rc = haul_mbox_next(&mb, m, NULL)) == HAUL_OK) {
        collect c = {{take}, to};
        haul_status_apply(&mb.status, m, true);
        haul_str_addf(to, "\n@%llu %x %zu: ", (unsigned long long)mb.sep_at, m->flags, m->n_keywords);
        size_t before = to->len;
        require(haul_mbox_body(&mb, m, &c.out, NULL) == HAUL_OK);
        require(!(m->set & HAUL_SET_SIZE) || m->size == to->len - before);
        total += to->len - before;
        haul_msg_reset(m);
    }
    require(rc == HAUL_END && total <= size);
    haul_msg_unref(m);
    haul_mbox_done(&mb);
}

static void receipt(void *ctx, const haul_msg *m, const char *place, haul_rc rc, const haul_err *why)
{
    (void)ctx, (void)m, (void)place, (void)why;
    require(rc == HAUL_OK);
}

static void issue(void *ctx, const haul_msg *m, haul_issue_id id, const char *detail)
{
    (void)ctx, (void)m, (void)id, (void)detail;
}

static const char *target(void)
{
    static char path[64];
    if (!path[0]) {
        memcpy(path, "/tmp/fuzz-mbox-XXXXXX", 22);
        int fd = mkstemp(path);
        require(fd >= 0);
        close(fd);
        unlink(path);
        memcpy(path + strlen(path), ".mbox", 6);
    }
    return path;
}

/* Write every message of the input; *ret_text: their canonical digests in order. */
static void write_all(const uint8_t *data, size_t size, const haul_values *values, haul_str *ret_text)
{
    static const char *const parts[] = {"x"};
    haul_sink s = {.ops = &haul_mbox_sink, .values = values, .receipt = receipt, .issue = issue};
    haul_mbox mb = {.quoting = HAUL_MBOX_AUTO};
    haul_msg *m = haul_msg_new();
    s.state = haul_calloc(1, s.ops->state_size);
    require(s.ops->open(&s, target(), NULL, NULL) == HAUL_OK);
    require(s.ops->folder(&s, 0, &(haul_path){.n = 1, .parts = parts, .text = "x"}, NULL) == HAUL_OK);
    haul_mbox_start(&mb, haul_in_from_mem(data, size, 0));
    while (haul_mbox_next(&mb, m, NULL) == HAUL_OK) {
        haul_status_apply(&mb.status, m, true);
        m->body = haul_spool_new(true);
        require(haul_mbox_body(&mb, m, haul_spool_out(m->body), NULL) == HAUL_OK);
        require(haul_spool_freeze(m->body, NULL) == HAUL_OK);
        haul_str_addf(ret_text, "\n%x %zu ", m->flags, m->n_keywords);
        haul_str_add(ret_text, haul_spool_get_facts(m->body)->sha256, HAUL_SHA256_LEN);
        require(s.ops->message(&s, 0, m, NULL) == HAUL_OK);
        haul_spool_free(m->body);
        m->body = NULL;
        haul_msg_reset(m);
    }
    require(s.ops->finish(&s, NULL) == HAUL_OK);
    s.ops->close(&s);
    free(s.state);
    haul_msg_unref(m);
    haul_mbox_done(&mb);
}

static void read_back(haul_str *ret_text)
{
    haul_mbox mb = {.quoting = HAUL_MBOX_AUTO};
    haul_msg *m = haul_msg_new();
    int fd = open(target(), O_RDONLY | O_CLOEXEC);
    require(fd >= 0);
    haul_mbox_start(&mb, haul_in_from_fd(fd, "target"));
    while (haul_mbox_next(&mb, m, NULL) == HAUL_OK) {
        haul_auto(haul_spool) *body = haul_spool_new(true);
        haul_status_apply(&mb.status, m, true);
        require(haul_mbox_body(&mb, m, haul_spool_out(body), NULL) == HAUL_OK);
        require(haul_spool_freeze(body, NULL) == HAUL_OK);
        haul_str_addf(ret_text, "\n%x %zu ", m->flags, m->n_keywords);
        haul_str_add(ret_text, haul_spool_get_facts(body)->sha256, HAUL_SHA256_LEN);
        haul_msg_reset(m);
    }
    haul_msg_unref(m);
    haul_mbox_done(&mb);
}

static void round_trip(const uint8_t *data, size_t size, const char *variant)
{
    haul_auto_str before = {0}, after = {0};
    haul_auto(haul_values) *values = haul_values_new();
    haul_values_set(values, "mbox-variant", variant);
    haul_values_set(values, "mbox-layout", "file");
    write_all(data, size, values, &before);
    read_back(&after);
    require(before.len == after.len && memcmp(haul_strz(&before), haul_strz(&after), before.len) == 0);
    unlink(target());
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_auto_str whole = {0}, pieces = {0};
    haul_mbox_quoting quoting = size ? (haul_mbox_quoting)(data[size - 1] % 4) : HAUL_MBOX_AUTO;
    read_all(data, size, 0, quoting, &whole);
    read_all(data, size, size % 97 + 1, quoting, &pieces);
    require(whole.len == pieces.len && memcmp(haul_strz(&whole), haul_strz(&pieces), whole.len) == 0);
    if (size > ROUND_TRIP_MAX)
        return 0;
    round_trip(data, size, "mboxrd");
    round_trip(data, size, size % 2 ? "mboxcl2" : "mboxrd");
    return 0;
}
