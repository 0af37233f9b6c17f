#include "io/container.h"

#include "base/hash.h"
#include "base/str.h"
#include "base/time.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define BLOCK      (256u * 1024u) /* octets asked of the file at a time */
#define NONE       UINT32_MAX
#define FAILED_MAX 1000u /* members in a row whose headers cannot be read */

/* ── what it is ── */

typedef enum kind { KIND_NONE, KIND_ZIP, KIND_ZIP_STREAM, KIND_7Z, KIND_TAR, KIND_CPIO } kind;

static bool all_of(const char *p, size_t n, const char *digits)
{
    for (size_t i = 0; i < n; i++)
        if (!p[i] || !strchr(digits, p[i]))
            return false;
    return true;
}

/* The header sum of a tar member: strong enough to tell it from any text, with or without "ustar". */
static bool is_tar(const char *p, size_t n)
{
    enum { SUM = 148, SUM_LEN = 8, HEADER = 512 };
    if (n < HEADER)
        return false;
    unsigned long sum = 0, stored = 0;
    for (size_t i = 0; i < HEADER; i++)
        sum += i - SUM < SUM_LEN ? ' ' : (unsigned char)p[i];
    size_t at = SUM, digits = 0;
    while (at < SUM + SUM_LEN && p[at] == ' ')
        at++;
    for (; at < SUM + SUM_LEN && p[at] >= '0' && p[at] <= '7'; at++, digits++)
        stored = stored * 8 + (unsigned long)(p[at] - '0');
    return digits > 0 && stored == sum;
}

static bool is_cpio(const char *p, size_t n)
{
    if (n >= 110 && (memcmp(p, "070701", 6) == 0 || memcmp(p, "070702", 6) == 0))
        return all_of(p + 6, 104, "0123456789abcdefABCDEF");
    return n >= 76 && memcmp(p, "070707", 6) == 0 && all_of(p + 6, 70, "01234567");
}

static kind kind_of(const char *p, size_t n, bool packed)
{
    if (is_tar(p, n))
        return KIND_TAR;
    if (is_cpio(p, n))
        return KIND_CPIO;
    /* zip and 7z keep their directory at the end: they are not read through a compressor. */
    if (!packed && n >= 4 && (memcmp(p, "PK\3\4", 4) == 0 || memcmp(p, "PK\5\6", 4) == 0))
        return KIND_ZIP;
    return !packed && n >= 6 && memcmp(p, "7z\xBC\xAF\x27\x1C", 6) == 0 ? KIND_7Z : KIND_NONE;
}

/* ── the index: a tree of nodes, found by parent and name through a hash table ── */

typedef struct node {
    const char *name;
    uint32_t parent, first, last, next; /* children in archive order */
    uint32_t chain;                     /* the next node of the same hash */
    uint32_t ordinal;                   /* headers before the member's, NONE for a directory */
    uint32_t copies;                    /* of the same name so far */
    haul_entry_type type;
    bool encrypted;
    uint64_t size;
    int64_t mtime_us;
} node;

struct haul_container {
    int fd; /* borrowed */
    char *name;
    kind kind;
    bool packed;
    struct archive *a;
    haul_in *stream;     /* packed: what a reads from */
    size_t shown;        /* octets of stream shown to a, not yet consumed */
    uint32_t passed;     /* headers that a has read */
    bool dead;           /* a cannot go on */
    uint64_t generation; /* of the member that is open: older ones are stale */
    haul_err feed_error;
    locale_t utf8; /* for names that an archive declares to be UTF-8 */
    haul_arena names;
    node *nodes; /* nodes[0] is the root */
    uint32_t n, cap;
    uint32_t *table; /* by hash; table_size is a power of 2 */
    uint32_t table_size;
    uint64_t seed;
    haul_str damage;
};

static uint32_t slot_of(const haul_container *c, uint32_t parent, const char *name, size_t len, bool dir)
{
    uint32_t key[2] = {parent, dir};
    uint64_t h = haul_fnv64(name, len, haul_fnv64(key, sizeof(key), c->seed));
    return (uint32_t)(h ^ h >> 32) & (c->table_size - 1);
}

static void rehash(haul_container *c)
{
    c->table_size = c->table_size ? c->table_size * 2 : 256;
    c->table = haul_realloc(c->table, c->table_size * sizeof(*c->table));
    memset(c->table, 0xFF, c->table_size * sizeof(*c->table));
    for (uint32_t i = 1; i < c->n; i++) {
        node *v = &c->nodes[i];
        uint32_t *slot =
            &c->table[slot_of(c, v->parent, v->name, strlen(v->name), v->type == HAUL_ENTRY_DIR)];
        v->chain = *slot;
        *slot = i;
    }
}

/* Directories and everything else are looked up apart: a member "a" and a member "a/b" can both be. */
static uint32_t find_child(const haul_container *c, uint32_t parent, const char *name, size_t len, bool dir)
{
    uint32_t i = c->table[slot_of(c, parent, name, len, dir)];
    for (; i != NONE; i = c->nodes[i].chain) {
        const node *v = &c->nodes[i];
        if (v->parent == parent && (v->type == HAUL_ENTRY_DIR) == dir && strncmp(v->name, name, len) == 0 &&
            v->name[len] == '\0')
            return i;
    }
    return NONE;
}

static uint32_t add_node(haul_container *c, uint32_t parent, const char *name, size_t len,
                         haul_entry_type type)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 64;
        c->nodes = haul_realloc(c->nodes, c->cap * sizeof(*c->nodes));
    }
    if (c->n >= c->table_size / 2)
        rehash(c);
    uint32_t i = c->n++;
    uint32_t *slot = &c->table[slot_of(c, parent, name, len, type == HAUL_ENTRY_DIR)];
    c->nodes[i] = (node){.name = haul_arena_strn(&c->names, name, len),
                         .parent = parent,
                         .first = NONE,
                         .last = NONE,
                         .next = NONE,
                         .chain = *slot,
                         .ordinal = NONE,
                         .type = type};
    if (i == 0)
        return i;
    *slot = i;
    node *up = &c->nodes[parent];
    *(up->first == NONE ? &up->first : &c->nodes[up->last].next) = i;
    up->last = i;
    return i;
}

/* The next component of *at that means something: "", "." and ".." do not. NULL at the end. */
static const char *component(const char **at, size_t *ret_len)
{
    while (**at) {
        const char *p = *at;
        size_t n = strcspn(p, "/");
        *at = p + n + (p[n] == '/');
        if (n > 2 || (n > 0 && strncmp(p, "..", n) != 0)) {
            *ret_len = n;
            return p;
        }
    }
    return NULL;
}

static uint32_t lookup(const haul_container *c, const char *path, bool dir)
{
    size_t len = 0;
    uint32_t i = 0;
    const char *name = component(&path, &len);
    if (!name)
        return dir ? 0 : NONE;
    while (name && i != NONE) {
        size_t next_len = 0;
        const char *next = component(&path, &next_len);
        i = find_child(c, i, name, len, next || dir);
        name = next;
        len = next_len;
    }
    return i;
}

static uint32_t dir_child(haul_container *c, uint32_t parent, const char *name, size_t len)
{
    uint32_t i = find_child(c, parent, name, len, true);
    return i != NONE ? i : add_node(c, parent, name, len, HAUL_ENTRY_DIR);
}

/* A leaf; the second one of a name is kept apart by " (2)" in front of the suffix, so that it keeps its kind. */
static uint32_t leaf_child(haul_container *c, uint32_t parent, const char *name, size_t len,
                           haul_entry_type type)
{
    uint32_t first = find_child(c, parent, name, len, false);
    if (first == NONE)
        return add_node(c, parent, name, len, type);
    haul_auto_str other = {0};
    do {
        const char *dot = NULL;
        for (size_t i = 1; i < len; i++)
            dot = name[i] == '.' ? name + i : dot;
        size_t stem = dot ? (size_t)(dot - name) : len;
        haul_str_clear(&other);
        haul_str_add(&other, name, stem);
        haul_str_addf(&other, " (%" PRIu32 ")", ++c->nodes[first].copies + 1);
        haul_str_add(&other, name + stem, len - stem);
    } while (find_child(c, parent, other.p, other.len, false) != NONE);
    return add_node(c, parent, other.p, other.len, type);
}

/* All levels of a member's name. Returns the last one, whose ordinal is still unset. */
static uint32_t add_path(haul_container *c, const char *path, haul_entry_type type, uint32_t ordinal)
{
    char nameless[32] = "member-";
    size_t len = 0;
    uint32_t at = 0;
    const char *name = component(&path, &len);
    if (!name && type == HAUL_ENTRY_DIR)
        return 0;
    if (!name) {
        haul_auto_str text = {0};
        haul_str_addf(&text, "%" PRIu32, ordinal + 1);
        memcpy(nameless + 7, text.p, text.len + 1);
        name = nameless;
        len = strlen(nameless);
    }
    for (;;) {
        size_t next_len = 0;
        const char *next = component(&path, &next_len);
        if (!next)
            break;
        at = dir_child(c, at, name, len);
        name = next;
        len = next_len;
    }
    return type == HAUL_ENTRY_DIR ? dir_child(c, at, name, len) : leaf_child(c, at, name, len, type);
}

static haul_entry_type type_of(struct archive_entry *entry, const char *path)
{
    size_t len = strlen(path);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return HAUL_ENTRY_FILE;
    case AE_IFDIR:
        return HAUL_ENTRY_DIR;
    case 0: /* zip made on a system without modes */
        return len && path[len - 1] == '/' ? HAUL_ENTRY_DIR : HAUL_ENTRY_FILE;
    default:
        return HAUL_ENTRY_OTHER;
    }
}

static void add_facts(node *v, struct archive_entry *entry, uint32_t ordinal)
{
    v->ordinal = ordinal;
    v->encrypted = archive_entry_is_data_encrypted(entry) != 0;
    int64_t size = archive_entry_size_is_set(entry) ? archive_entry_size(entry) : 0;
    v->size = size > 0 ? (uint64_t)size : 0;
    int64_t seconds = archive_entry_mtime_is_set(entry) ? (int64_t)archive_entry_mtime(entry) : 0;
    if (seconds > HAUL_TIME_MIN / HAUL_US && seconds < HAUL_TIME_MAX / HAUL_US)
        v->mtime_us = seconds * HAUL_US + archive_entry_mtime_nsec(entry) / 1000;
}

static haul_rc add_member(haul_container *c, struct archive_entry *entry, uint32_t ordinal, haul_err *e)
{
    const char *path = archive_entry_pathname(entry);
    if (!path)
        path = archive_entry_pathname_utf8(entry);
    path = path ? path : "";
    const char *link = archive_entry_hardlink(entry);
    uint32_t same = link ? lookup(c, link, false) : NONE;
    haul_entry_type type = link && same == NONE ? HAUL_ENTRY_OTHER
                           : link               ? c->nodes[same].type
                                                : type_of(entry, path);
    uint32_t i = add_path(c, path, type, ordinal);
    if (type != HAUL_ENTRY_DIR)
        add_facts(&c->nodes[i], entry, ordinal);
    if (same != NONE) { /* the octets are with the first name */
        const node *first = &c->nodes[same];
        c->nodes[i].ordinal = first->ordinal;
        c->nodes[i].size = first->size;
        c->nodes[i].encrypted = first->encrypted;
    }
    if (c->n > HAUL_TREE_ENTRIES_MAX || c->names.used > HAUL_CONTAINER_NAMES)
        return haul_fail(e, HAUL_E_LIMIT, "more than %u members in one archive", HAUL_TREE_ENTRIES_MAX);
    return HAUL_OK;
}

/* ── libarchive's end ── */

static void archive_stop(haul_container *c)
{
    (void)archive_read_free(c->a);
    haul_in_close(c->stream);
    c->a = NULL;
    c->stream = NULL;
    c->shown = 0;
    c->passed = 0;
    c->generation++;
}

static la_ssize_t feed_archive(struct archive *a, void *ctx, const void **ret)
{
    haul_container *c = ctx;
    const char *p;
    size_t n;
    haul_in_consume(c->stream, c->shown);
    c->shown = 0;
    if (haul_in_peek(c->stream, 1, &p, &n, &c->feed_error) != HAUL_OK) {
        archive_set_error(a, EIO, "%s", c->feed_error.text);
        return -1;
    }
    c->shown = n < BLOCK ? n : BLOCK;
    *ret = p;
    return (la_ssize_t)c->shown;
}

static void support_format(struct archive *a, kind k)
{
    switch (k) {
    case KIND_ZIP:
        (void)archive_read_support_format_zip(a);
        break;
    case KIND_ZIP_STREAM:
        (void)archive_read_support_format_zip_streamable(a);
        break;
    case KIND_7Z:
        (void)archive_read_support_format_7zip(a);
        break;
    case KIND_TAR:
        (void)archive_read_support_format_tar(a);
        break;
    case KIND_CPIO:
        (void)archive_read_support_format_cpio(a);
        break;
    case KIND_NONE:
        break;
    }
}

static const char *archive_text(const haul_container *c)
{
    const char *why = archive_error_string(c->a);
    return why ? why : "damaged";
}

/* The file from its start, unpacked. */
static haul_rc stream_open(const haul_container *c, haul_in **ret, haul_err *e)
{
    int fd = dup(c->fd);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "opening it again");
    return haul_in_auto(haul_in_from_fd(fd, c->name), ret, e);
}

static haul_rc archive_start(haul_container *c, haul_err *e)
{
    archive_stop(c);
    c->dead = false;
    if (lseek(c->fd, 0, SEEK_SET) != 0)
        return haul_fail_sys(e, HAUL_E_SOURCE, "going back to the start");
    haul_rc rc = c->packed ? stream_open(c, &c->stream, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return rc;
    c->a = archive_read_new();
    if (!c->a)
        haul_oom();
    support_format(c->a, c->kind);
    int r = c->packed ? archive_read_open(c->a, c, NULL, feed_archive, NULL)
                      : archive_read_open_fd(c->a, c->fd, BLOCK);
    return r == ARCHIVE_OK ? HAUL_OK : haul_fail(e, HAUL_E_SOURCE, "%s", archive_text(c));
}

/* ── indexing ── */

static void damaged(haul_container *c)
{
    if (!c->damage.len)
        haul_str_addf(&c->damage, "damaged after %" PRIu32 " members: %s", c->passed, archive_text(c));
}

static void index_clear(haul_container *c)
{
    haul_arena_reset(&c->names);
    haul_str_clear(&c->damage);
    c->n = 0;
    c->table_size = 0;
    (void)add_node(c, 0, "", 0, HAUL_ENTRY_DIR);
}

static haul_rc index_members(haul_container *c, haul_err *e)
{
    index_clear(c);
    haul_rc rc = archive_start(c, e);
    for (unsigned failed = 0; rc == HAUL_OK && failed < FAILED_MAX;) {
        struct archive_entry *entry;
        int r = archive_read_next_header(c->a, &entry);
        if (r == ARCHIVE_EOF)
            break;
        if (r < ARCHIVE_WARN)
            damaged(c);
        if (r == ARCHIVE_FATAL)
            break;
        failed = r < ARCHIVE_WARN ? failed + 1 : 0;
        if (!failed)
            rc = add_member(c, entry, c->passed, e);
        c->passed++;
    }
    c->dead = true;
    return rc;
}

/* A zip file whose directory is broken still has a header in front of each member. */
static haul_rc index_zip_stream(haul_container *c, haul_err *e)
{
    haul_auto_str why = {0};
    haul_str_addz(&why, c->damage.p);
    uint32_t found = c->n;
    c->kind = KIND_ZIP_STREAM;
    haul_rc rc = index_members(c, e);
    if (rc == HAUL_OK && c->n < found) {
        c->kind = KIND_ZIP;
        rc = index_members(c, e);
    }
    haul_str_clear(&c->damage);
    haul_str_add(&c->damage, why.p, why.len);
    return rc;
}

static haul_rc index_all(haul_container *c, haul_err *e)
{
    /* libarchive converts names that are declared as UTF-8 to the locale's charset: let that be UTF-8 too. */
    locale_t before = c->utf8 ? uselocale(c->utf8) : (locale_t)0;
    haul_rc rc = index_members(c, e);
    if (rc == HAUL_OK && c->damage.len && c->kind == KIND_ZIP)
        rc = index_zip_stream(c, e);
    if (c->utf8)
        (void)uselocale(before);
    if (rc == HAUL_OK && c->damage.len && c->n == 1)
        return haul_fail(e, HAUL_E_SOURCE, "%s", c->damage.p);
    return rc;
}

/* Look at the first octets, unpacked ones where the file is compressed. What cannot be read and broken compressed data are not
 * ours to report: whoever reads the file meets them again. */
static void sniff(haul_container *c)
{
    char head[HAUL_CONTAINER_HEAD];
    const char *p = head;
    size_t n;
    ssize_t got = pread(c->fd, head, sizeof(head), 0);
    size_t had = got > 0 ? (size_t)got : 0;
    c->kind = kind_of(head, had, false);
    if (c->kind != KIND_NONE || !haul_in_is_packed(head, had))
        return;
    haul_auto(haul_in) *in = NULL;
    if (lseek(c->fd, 0, SEEK_SET) == 0 && stream_open(c, &in, NULL) == HAUL_OK &&
        haul_in_peek(in, HAUL_CONTAINER_HEAD, &p, &n, NULL) == HAUL_OK)
        c->kind = kind_of(p, n, true);
    c->packed = true;
}

haul_rc haul_container_open(int fd, const char *name, haul_container **ret, haul_err *e)
{
    haul_container *c = haul_calloc(1, sizeof(*c));
    c->fd = fd;
    c->name = haul_strdup(name);
    haul_rc rc = HAUL_OK;
    sniff(c);
    bool is_one = c->kind != KIND_NONE;
    if (is_one) {
        c->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
        (void)!getrandom(&c->seed, sizeof(c->seed), 0); /* against made-up collisions; never seen in output */
        rc = index_all(c, e);
    }
    if (is_one && rc == HAUL_OK) {
        *ret = c;
    } else {
        haul_container_close(c);
    }
    return rc;
}

void haul_container_close(haul_container *c)
{
    if (!c)
        return;
    archive_stop(c);
    if (c->utf8)
        freelocale(c->utf8);
    haul_arena_done(&c->names);
    haul_str_done(&c->damage);
    free(c->nodes);
    free(c->table);
    free(c->name);
    free(c);
}

const char *haul_container_damage(const haul_container *c)
{
    return c->damage.len ? c->damage.p : NULL;
}

/* ── reading ── */

haul_rc haul_container_list(haul_container *c, const char *dir, haul_arena *a, haul_entry **ret,
                            size_t *ret_n, haul_err *e)
{
    uint32_t at = lookup(c, dir, true);
    if (at == NONE)
        return haul_fail(e, HAUL_SKIP, "%s: no such directory in the archive", dir);
    size_t n = 0;
    for (uint32_t i = c->nodes[at].first; i != NONE; i = c->nodes[i].next)
        n++;
    haul_entry *v = haul_arena_alloc(a, n * sizeof(*v)), *next = v;
    for (uint32_t i = c->nodes[at].first; i != NONE; i = c->nodes[i].next)
        *next++ = (haul_entry){.name = haul_arena_str(a, c->nodes[i].name), .type = c->nodes[i].type};
    *ret = v;
    *ret_n = n;
    return HAUL_OK;
}

bool haul_container_has(const haul_container *c, const char *path, haul_entry_type type)
{
    uint32_t i = lookup(c, path, type == HAUL_ENTRY_DIR);
    return i != NONE && c->nodes[i].type == type;
}

/* Bring the archive to the member's header; from the start again when it is already behind it. */
static haul_rc seek_member(haul_container *c, const char *path, uint32_t ordinal, haul_err *e)
{
    haul_rc rc = c->dead || !c->a || c->passed > ordinal ? archive_start(c, e) : HAUL_OK;
    if (rc != HAUL_OK)
        return haul_wrap(e, HAUL_SKIP, "%s", path);
    int r = ARCHIVE_OK;
    while (c->passed <= ordinal) {
        struct archive_entry *entry;
        r = archive_read_next_header(c->a, &entry);
        c->passed++;
        c->dead = r == ARCHIVE_EOF || r == ARCHIVE_FATAL;
        if (c->dead)
            break;
    }
    return r == ARCHIVE_OK || r == ARCHIVE_WARN ? HAUL_OK
                                                : haul_fail(e, HAUL_SKIP, "%s: %s", path, archive_text(c));
}

typedef struct member { /* what feeds a haul_in */
    haul_container *c;
    uint64_t generation, total;
    char name[];
} member;

static ssize_t read_member(void *ctx, void *to, size_t n, haul_err *e)
{
    member *m = ctx;
    haul_container *c = m->c;
    if (m->generation != c->generation || c->dead)
        return haul_fail(e, HAUL_E_SOURCE, "%s: another member of the archive was opened", m->name);
    if (m->total > HAUL_TREE_UNPACK_MAX)
        return haul_fail(e, HAUL_E_LIMIT, "%s: unpacks to more than %" PRIu64 " octets", m->name,
                         HAUL_TREE_UNPACK_MAX);
    la_ssize_t got = archive_read_data(c->a, to, n);
    if (got < 0) {
        c->dead = got == ARCHIVE_FATAL;
        return haul_fail(e, HAUL_E_SOURCE, "%s: %s", m->name, archive_text(c));
    }
    m->total += (uint64_t)got;
    return got;
}

haul_rc haul_container_read(haul_container *c, const char *path, haul_in **io, haul_stat *ret_stat,
                            haul_err *e)
{
    uint32_t i = lookup(c, path, false);
    if (i == NONE || c->nodes[i].type != HAUL_ENTRY_FILE)
        return haul_fail(e, HAUL_SKIP, "%s: no such file in the archive", path);
    const node *v = &c->nodes[i];
    if (v->encrypted)
        return haul_fail(e, HAUL_SKIP, "%s: encrypted; unpack it with its password first", path);
    haul_rc rc = seek_member(c, path, v->ordinal, e);
    if (rc != HAUL_OK)
        return rc;
    size_t len = strlen(path) + 1;
    member *m = haul_alloc(sizeof(*m) + len);
    *m = (member){.c = c, .generation = ++c->generation};
    memcpy(m->name, path, len);
    haul_feed feed = {.read = read_member, .close = free, .ctx = m};
    if (*io)
        haul_in_reopen(*io, feed);
    else
        *io = haul_in_new(feed);
    if (ret_stat)
        *ret_stat = (haul_stat){.size = v->size, .mtime_us = v->mtime_us};
    return HAUL_OK;
}
