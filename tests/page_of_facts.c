/* page_of_facts FACTS.json OUT.html: the page of any facts (pipe/page.h), for check_page.py. */
#include "pipe/page.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    json_error_t why = {0};
    haul_err e = {0};
    json_t *facts = argc == 3 ? json_load_file(argv[1], 0, &why) : NULL;
    if (!facts) {
        (void)fprintf(stderr, "page_of_facts FACTS.json OUT.html: %s\n", why.text);
        return 2;
    }
    haul_rc rc = haul_page_save(facts, argv[2], &e);
    if (rc != HAUL_OK)
        (void)fprintf(stderr, "%s\n", e.text);
    json_decref(facts);
    return rc == HAUL_OK ? 0 : 1;
}
