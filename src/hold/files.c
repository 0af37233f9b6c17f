#include "hold/files.h"

#include "io/atomic.h"
#include "model/format.h"

#include <fcntl.h>
#include <string.h>

#define EXTENSION_MAX 16u

static haul_rc on_write(haul_out *o, const void *p, size_t n, haul_err *e)
{
    haul_native *w = (haul_native *)o;
    haul_digests_update(w->digests, p, n);
    w->size += n;
    return haul_out_write(&w->file.out, p, n, e);
}

haul_rc haul_native_open(haul_native *n, int dir, const char *name, haul_digests *d, haul_err *e)
{
    *n = (haul_native){.out.write = on_write, .digests = d, .file.fd = -1};
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0)
        return haul_fail_sys(e, HAUL_E_TARGET, "%s", name);
    haul_file_init(&n->file, fd, 0, name);
    return HAUL_OK;
}

haul_rc haul_native_close(haul_native *n, haul_err *e)
{
    haul_digests_final(n->digests, n->md5, n->sha1, n->sha256);
    return haul_file_close(&n->file, e);
}

void haul_native_done(haul_native *n)
{
    if (n->file.fd < 0)
        return;
    haul_digests_final(n->digests, n->md5, n->sha1, n->sha256);
    haul_file_done(&n->file);
}

/* Where the message gives no name, the type says what kind of file it is. */
static const char *extension_of(const char *type)
{
    static const char *const known[][2] = {
        {"text/plain", ".txt"},         {"text/html", ".html"},      {"text/calendar", ".ics"},
        {"text/vcard", ".vcf"},         {"text/csv", ".csv"},        {"message/rfc822", ".eml"},
        {"image/png", ".png"},          {"image/jpeg", ".jpg"},      {"image/gif", ".gif"},
        {"application/pdf", ".pdf"},    {"application/zip", ".zip"}, {"message/global", ".eml"},
        {"application/ms-tnef", ".dat"}};
    for (size_t i = 0; i < HAUL_COUNT(known); i++)
        if (strcmp(known[i][0], type) == 0)
            return known[i][1];
    return ".bin";
}

/* A run of what not every file system, archive and code page holds is one '_'. */
static void add_safe(haul_str *to, const char *p, size_t n, size_t max)
{
    size_t start = to->len;
    for (size_t i = 0; i < n && to->len - start < max; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c > 0x20 && c < 0x7f && !strchr("/\\:*?\"<>|%", c))
            haul_str_addc(to, (char)c);
        else if (to->p[to->len - 1] != '_')
            haul_str_addc(to, '_');
    }
}

void haul_native_name(unsigned number, const char *name, const char *type, haul_str *to)
{
    size_t n = strlen(name);
    const char *dot = strrchr(name, '.');
    size_t tail = dot && dot != name ? n - (size_t)(dot - name) : 0;
    tail = tail <= EXTENSION_MAX ? tail : 0;
    haul_str_clear(to);
    haul_str_addf(to, "%04u-", number);
    add_safe(to, name, n - tail, HAUL_NATIVE_NAME - 2 * EXTENSION_MAX);
    if (n)
        add_safe(to, name + n - tail, tail, EXTENSION_MAX);
    else
        haul_str_addf(to, "part%s", extension_of(type));
    while (to->len && (to->p[to->len - 1] == '.' || to->p[to->len - 1] == ' ')) /* Windows drops them */
        to->p[to->len - 1] = '_';
}
