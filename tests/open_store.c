/* open_store STORE: open an Outlook store with the native engine, count what is in it, and close it. One line: seconds of wall
 * and of processor time, folders, items, peak resident kilobytes. For bench/large. */
#include "../formats/pst/engine.h" /* a format has no header of its own for what a reader calls */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

typedef struct count {
    size_t folders, items;
} count;

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_issue(void *ctx, haul_issue_id id, const char *detail)
{
    (void)ctx;
    (void)id;
    fprintf(stderr, "open_store: %s\n", detail);
}

static void walk(haul_pst *p, uint32_t folder, unsigned depth, count *ret)
{
    haul_pst_children below = p->ops->children(p, folder, HAUL_NID_FOLDER);
    ret->folders++;
    ret->items += p->ops->children(p, folder, HAUL_NID_ITEM).n;
    for (size_t i = 0; i < below.n && depth < 64; i++)
        if (below.v[i] != folder)
            walk(p, below.v[i], depth + 1, ret);
}

/* Of this program alone: getrusage counts in that of whoever started it. */
static unsigned long peak(void)
{
    char line[128];
    unsigned long kilobytes = 0;
    FILE *f = fopen("/proc/self/status", "re");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kilobytes = strtoul(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kilobytes;
}

int main(int argc, char **argv)
{
    haul_auto_fd int fd = argc == 2 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        fputs("usage: open_store STORE\n", stderr);
        return 2;
    }
    haul_err e = {0};
    haul_pst *p = NULL;
    count n = {0};
    double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (haul_pst_native_open(fd, (uint64_t)st.st_size, false, on_issue, NULL, &p, &e) != HAUL_OK) {
        fprintf(stderr, "open_store: %s: %s\n", argv[1], e.text);
        return 3;
    }
    wall = seconds(CLOCK_MONOTONIC) - wall;
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    walk(p, p->root, 0, &n);
    haul_pst_close(p);
    printf("%.3f %.3f %zu %zu %lu\n", wall, cpu, n.folders, n.items, peak());
    return 0;
}
