/* make_pst DESCRIPTION.json OUT.pst        the store that testdata/pst/README.md's form describes
 * make_pst --bulk N [options] OUT.pst      N made-up messages; the options are described there, too */
#include "base/str.h"
#include "pst/crypt.h"
#include "pst_make/bulk.h"
#include "pst_make/describe.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
    fputs("usage: make_pst DESCRIPTION.json OUT.pst\n"
          "       make_pst --bulk N [--seed S] [--folders K] [--tiny] [--attachment OCTETS] [--list FILE]\n"
          "                [--encryption none|compressible|high] [--4k] [--pack-first] OUT.pst\n",
          stderr);
    return 2;
}

static bool number(const char *z, uint64_t most, uint64_t *ret)
{
    return haul_parse_u64(z, strlen(z), ret) && *ret <= most;
}

/* Options without a value. */
static bool flag(haul_made_bulk *b, const char *name)
{
    bool *to = strcmp(name, "--4k") == 0           ? &b->kind.wide
               : strcmp(name, "--pack-first") == 0 ? &b->kind.pack_first
               : strcmp(name, "--tiny") == 0       ? &b->tiny
                                                   : NULL;
    if (to)
        *to = true;
    return to != NULL;
}

static bool encryption(haul_made_bulk *b, const char *value)
{
    static const char *const names[] = {"none", "compressible", "high"}; /* in the order of HAUL_CRYPT_* */
    for (unsigned i = 0; i < HAUL_COUNT(names); i++)
        if (strcmp(value, names[i]) == 0) {
            b->kind.crypt = (uint8_t)i;
            return true;
        }
    return false;
}

static bool option(haul_made_bulk *b, const char *name, const char *value)
{
    uint64_t n = 0;
    if (strcmp(name, "--bulk") == 0)
        return number(value, UINT32_MAX, &b->messages);
    if (strcmp(name, "--seed") == 0)
        return number(value, UINT64_MAX, &b->seed);
    if (strcmp(name, "--attachment") == 0)
        return number(value, UINT32_MAX, &b->attachment);
    if (strcmp(name, "--encryption") == 0)
        return encryption(b, value);
    if (strcmp(name, "--folders") == 0 && number(value, 99999, &n) && n > 0)
        b->folders = (unsigned)n;
    else if (strcmp(name, "--list") == 0)
        b->list = value;
    else
        return false;
    return true;
}

static int bulk(int argc, char **argv)
{
    haul_made_bulk b = {.kind = {.crypt = HAUL_CRYPT_PERMUTE}, .seed = 1, .folders = 10};
    haul_err e;
    int i = 1;
    while (i + 1 < argc) {
        if (flag(&b, argv[i]))
            i++;
        else if (option(&b, argv[i], argv[i + 1]))
            i += 2;
        else
            return usage();
    }
    if (i + 1 != argc)
        return usage();
    if (haul_made_bulk_write(argv[i], &b, &e) == HAUL_OK)
        return 0;
    fprintf(stderr, "make_pst: %s\n", e.text);
    return 4;
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--bulk") == 0)
        return bulk(argc, argv);
    if (argc != 3)
        return usage();
    json_error_t why;
    haul_err e;
    json_t *j = json_load_file(argv[1], JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
    if (!j) {
        fprintf(stderr, "make_pst: %s:%d: %s\n", argv[1], why.line, why.text);
        return 2;
    }
    const json_t *store = json_object_get(j, "store");
    haul_rc rc = haul_made_describe(argv[2], store ? store : j, &e);
    if (rc != HAUL_OK)
        fprintf(stderr, "make_pst: %s: %s\n", argv[1], e.text);
    json_decref(j);
    return rc == HAUL_OK ? 0 : haul_rc_exit(rc);
}
