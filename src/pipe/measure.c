#define _DEFAULT_SOURCE /* fts */
#include "pipe/measure.h"

#include "base/err.h"
#include "base/str.h"

#include <fts.h>
#include <stdlib.h>
#include <sys/stat.h>

bool haul_measure_is_packed(const char *name)
{
    static const char *const suffixes[] = {".gz",  ".zst", ".xz",  ".bz2", ".zip", ".tar",
                                           ".tgz", ".tbz", ".txz", ".7z",  ".cpio"};
    for (size_t i = 0; i < HAUL_COUNT(suffixes); i++)
        if (haul_iends(name, suffixes[i]))
            return true;
    return false;
}

/* Add the files of one open walk; false when the sum is not to be had. */
static bool add_files(FTS *walk, uint64_t *total, unsigned *entries)
{
    for (FTSENT *f; (f = fts_read(walk));) {
        if (f->fts_level > 0 && f->fts_info == FTS_D && f->fts_name[0] == '.' &&
            haul_ends(f->fts_name, ".mailhaul"))
            (void)fts_set(walk, f, FTS_SKIP);
        if (++*entries > HAUL_MEASURE_ENTRIES ||
            (f->fts_info == FTS_F && haul_measure_is_packed(f->fts_name)))
            return false;
        if (f->fts_info == FTS_F)
            *total += (uint64_t)f->fts_statp->st_size;
    }
    return true;
}

uint64_t haul_measure(const char *const *sources)
{
    uint64_t total = 0;
    unsigned entries = 0;
    bool known = true;
    for (; *sources && known; sources++) {
        char *path = haul_strdup(*sources); /* fts wants it writable */
        char *const paths[] = {path, NULL};
        FTS *walk = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
        known = walk && add_files(walk, &total, &entries);
        if (walk)
            (void)fts_close(walk);
        free(path);
    }
    return known ? total : 0;
}
