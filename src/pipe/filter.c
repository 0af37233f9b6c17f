#include "pipe/filter.h"

#include "base/glob.h"

static bool any_matches(const char *const *globs, const char *path)
{
    for (; *globs; globs++)
        if (haul_glob(*globs, path, false))
            return true;
    return false;
}

const char *haul_filter_folder(const haul_filter *f, const char *path)
{
    if (f->folders && *f->folders && !any_matches(f->folders, path))
        return "folder";
    if (f->not_folders && any_matches(f->not_folders, path))
        return "not-folder";
    return NULL;
}

const char *haul_filter_message(const haul_filter *f, const haul_msg *m)
{
    if (f->kinds && !(f->kinds & 1u << m->kind))
        return "kind";
    if (f->max_size && m->set & HAUL_SET_SIZE && m->size > f->max_size)
        return "max-size";
    if (!f->has_since && !f->has_until)
        return NULL;
    int64_t t = haul_msg_time(m);
    if (f->has_since && t < f->since_us)
        return "since";
    return f->has_until && t >= f->until_us ? "until" : NULL;
}
