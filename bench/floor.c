/* The floor: what the same files cost when nothing is done but making them.
 *
 *   floor create [-t] [-s] [-d] LIST MBOX OUT   files named in LIST, filled from MBOX in order
 *   floor concat [-s] [-d] LIST DIR OUT         files named in LIST read from DIR, written to one file
 *   floor copy   [-s] [-d] FILE OUT             one file, as it is
 *
 * LIST has a line "size mtime name" for each file that mailhaul wrote (bench/run makes it from a real run), so that
 * names, sizes, directories and times are those of the real target. The data comes from MBOX in reads of 256 KB; one
 * message is one write. -t: to tmp/ of its directory first, then renameat, as Maildir deliveries go. -s: one syncfs
 * each 4096 files or 256 MB, where mailhaul has its own. -d: SHA-256 of each message (EVP; of each piece of 256 KB for copy), not part of the floor. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CHUNK        (256u * 1024u)
#define BATCH_FILES  4096u
#define BATCH_OCTETS (256u * 1024u * 1024u)
#define NAME_SIZE    1024

typedef struct entry {
    size_t size;
    long mtime;
    char name[NAME_SIZE];
} entry;

static bool use_tmp, use_sync, use_digest;
static EVP_MD_CTX *digest;

static int die(const char *what)
{
    perror(what);
    return 1;
}

static bool next_entry(FILE *list, entry *e)
{
    return fscanf(list, "%zu %ld %1023[^\n]", &e->size, &e->mtime, e->name) == 3;
}

static void hash(const char *p, size_t n)
{
    unsigned char out[EVP_MAX_MD_SIZE];
    if (!use_digest)
        return;
    EVP_DigestInit_ex(digest, EVP_sha256(), NULL);
    EVP_DigestUpdate(digest, p, n);
    EVP_DigestFinal_ex(digest, out, NULL);
}

static void batch(int fd, size_t octets)
{
    static size_t files, sum;
    sum += octets;
    if (++files < BATCH_FILES && sum < BATCH_OCTETS)
        return;
    if (use_sync)
        (void)syncfs(fd);
    files = sum = 0;
}

/* ── create ── */

/* The last two directories, open: cur/ of one folder, or one EML directory. */
static int directory(int root, const char *name, const char **ret_base, int *ret_tmp)
{
    static char open_name[NAME_SIZE];
    static int fd = -1, tmp = -1;
    const char *slash = strrchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;
    *ret_base = slash ? slash + 1 : name;
    if (fd < 0 || strlen(open_name) != n || memcmp(open_name, name, n) != 0) {
        memcpy(open_name, name, n);
        open_name[n] = 0;
        if (fd >= 0)
            close(fd);
        if (tmp >= 0)
            close(tmp);
        fd = openat(root, n ? open_name : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        tmp = use_tmp ? openat(fd, "../tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    }
    *ret_tmp = tmp;
    return fd;
}

/* n octets from the mbox, in one piece; from its start again at its end. */
static const char *take(int in, size_t n)
{
    static char *buf;
    static size_t cap, used, have;
    if (cap < n + CHUNK)
        buf = realloc(buf, cap = 2 * n + 2 * CHUNK);
    if (!buf)
        return NULL;
    if (have - used < n && used) {
        memmove(buf, buf + used, have - used);
        have -= used;
        used = 0;
    }
    while (have - used < n) {
        ssize_t got = read(in, buf + have, CHUNK);
        if (got < 0 || (got == 0 && lseek(in, 0, SEEK_SET) < 0))
            return NULL;
        have += (size_t)got;
    }
    used += n;
    return buf + used - n;
}

static int create_one(int root, int in, const entry *e)
{
    const char *base;
    int tmp, dir = directory(root, e->name, &base, &tmp);
    const char *p = take(in, e->size);
    if (dir < 0 || !p)
        return die(e->name);
    hash(p, e->size);
    int fd = openat(use_tmp ? tmp : dir, base, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct timespec times[2] = {{.tv_sec = e->mtime}, {.tv_sec = e->mtime}};
    if (fd < 0 || write(fd, p, e->size) != (ssize_t)e->size || futimens(fd, times) || close(fd))
        return die(e->name);
    if (use_tmp && renameat(tmp, base, dir, base))
        return die(e->name);
    batch(dir, e->size);
    return 0;
}

static int create(FILE *list, int in, int root)
{
    static entry e;
    while (next_entry(list, &e))
        if (create_one(root, in, &e))
            return 1;
    return use_sync && syncfs(root) ? die("syncfs") : 0;
}

/* ── concat ── */

static char out_buf[CHUNK];
static size_t out_used;

static int flush(int out)
{
    if (write(out, out_buf, out_used) != (ssize_t)out_used)
        return die("write");
    out_used = 0;
    return 0;
}

static int concat_one(int root, int out, const entry *e)
{
    static char *buf;
    static size_t cap;
    static const char separator[] = "From person@example.org Fri Jan  1 00:00:00 2010\n";
    if (cap < e->size + 1)
        buf = realloc(buf, cap = 2 * e->size + CHUNK);
    const char *base;
    int unused, dir = directory(root, e->name, &base, &unused);
    int fd = openat(dir, base, O_RDONLY | O_CLOEXEC);
    if (!buf || fd < 0 || read(fd, buf, e->size + 1) != (ssize_t)e->size || close(fd))
        return die(e->name);
    hash(buf, e->size);
    if (out_used + sizeof separator + e->size > CHUNK && flush(out))
        return 1;
    memcpy(out_buf + out_used, separator, sizeof separator - 1);
    out_used += sizeof separator - 1;
    if (e->size > CHUNK - out_used) {
        if (flush(out) || write(out, buf, e->size) != (ssize_t)e->size)
            return die("write");
    } else {
        memcpy(out_buf + out_used, buf, e->size);
        out_used += e->size;
    }
    batch(out, e->size);
    return 0;
}

static int concat(FILE *list, int root, int out)
{
    static entry e;
    while (next_entry(list, &e))
        if (concat_one(root, out, &e))
            return 1;
    return flush(out) || (use_sync && syncfs(out)) ? die("end") : 0;
}

/* The directories of the target are made before the clock matters: they are few. */
static void make_directories(FILE *list, const char *out)
{
    static entry e;
    static char last[NAME_SIZE], path[2 * NAME_SIZE];
    mkdir(out, 0700);
    while (next_entry(list, &e)) {
        char *slash = strrchr(e.name, '/');
        if (!slash || (*slash = 0, strcmp(e.name, last) == 0))
            continue;
        memcpy(last, e.name, sizeof last);
        for (char *p = e.name; (p = strchr(p + 1, '/'));) {
            *p = 0;
            snprintf(path, sizeof path, "%s/%s", out, e.name);
            mkdir(path, 0700);
            *p = '/';
        }
        snprintf(path, sizeof path, "%s/%s", out, e.name);
        mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/%s/../tmp", out, e.name);
        if (use_tmp)
            mkdir(path, 0700);
    }
    rewind(list);
}

static int copy(int in, int out)
{
    static char buf[CHUNK];
    ssize_t n;
    while ((n = read(in, buf, sizeof buf)) > 0) {
        hash(buf, (size_t)n);
        if (write(out, buf, (size_t)n) != n)
            return die("write");
        batch(out, (size_t)n);
    }
    return n < 0 || (use_sync && syncfs(out) != 0) ? die("copy") : 0;
}

int main(int argc, char **argv)
{
    int option;
    char *const verb = argc > 1 ? argv[1] : argv[0];
    optind = 2;
    while ((option = getopt(argc, argv, "tsd")) > 0) {
        use_tmp |= option == 't';
        use_sync |= option == 's';
        use_digest |= option == 'd';
    }
    digest = EVP_MD_CTX_new();
    if (strcmp(verb, "copy") == 0 && argc - optind == 2)
        return copy(open(argv[optind], O_RDONLY | O_CLOEXEC),
                    open(argv[optind + 1], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (argc - optind != 3)
        return 2;
    FILE *list = fopen(argv[optind], "re");
    int in = open(argv[optind + 1], O_RDONLY | O_CLOEXEC);
    if (!list || in < 0)
        return die("open");
    if (strcmp(verb, "concat") == 0)
        return concat(list, in, open(argv[optind + 2], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    make_directories(list, argv[optind + 2]);
    return create(list, in, open(argv[optind + 2], O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}
