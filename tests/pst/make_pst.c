/* make_pst DESCRIPTION.json OUT.pst        the store that testdata/pst/README.md's form describes
 * make_pst --bulk N [--seed S] [--folders K] OUT.pst     N made-up messages in K folders (default 10) */
#include "base/str.h"
#include "pst/bulk.h"
#include "pst/describe.h"

#include <stdio.h>
#include <string.h>

static int usage(void)
{
    fputs("usage: make_pst DESCRIPTION.json OUT.pst\n"
          "       make_pst --bulk N [--seed S] [--folders K] OUT.pst\n",
          stderr);
    return 2;
}

static int bulk(int argc, char **argv)
{
    haul_pstw_bulk b = {.seed = 1, .folders = 10};
    haul_err e;
    int i = 1;
    for (; i + 1 < argc; i += 2) {
        uint64_t n;
        if (!haul_parse_u64(argv[i + 1], strlen(argv[i + 1]), &n))
            return usage();
        if (strcmp(argv[i], "--bulk") == 0)
            b.messages = n;
        else if (strcmp(argv[i], "--seed") == 0)
            b.seed = n;
        else if (strcmp(argv[i], "--folders") == 0 && n > 0 && n < 100000)
            b.folders = (unsigned)n;
        else
            return usage();
    }
    if (i + 1 != argc)
        return usage();
    if (haul_pstw_bulk_write(argv[i], &b, &e) == HAUL_OK)
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
    haul_rc rc = haul_pstw_describe(argv[2], store ? store : j, &e);
    if (rc != HAUL_OK)
        fprintf(stderr, "make_pst: %s: %s\n", argv[1], e.text);
    json_decref(j);
    return rc == HAUL_OK ? 0 : haul_rc_exit(rc);
}
