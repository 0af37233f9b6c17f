/* Helpers of the tests: temporary directories, whole files, readers fed from memory. */
#ifndef HAUL_TESTING_H
#define HAUL_TESTING_H

#include "model/format.h"

/* A test that may hang ends here, in time for CTest to say which; many times what a slow machine under sanitizers takes. */
#define TESTING_SECONDS 540

/* A fresh directory below $TMPDIR (or /tmp), removed with all in it when the process ends. */
const char *testing_dir(void);
/* dir/name, printf-like; from a static ring of 16. */
const char *testing_path(const char *fmt, ...) HAUL_PRINTF(1, 2);
void testing_write(const char *path, const void *p, size_t n); /* makes parents */
/* Whole file, NUL-terminated, malloc'd; NULL when absent. */
char *testing_read(const char *path, size_t *ret_n);
/* Run the program ($MAILHAUL) with arguments; stdout+stderr into *ret_out (malloc'd, may be NULL). Exit status. */
int testing_run(char **ret_out, const char *fmt, ...) HAUL_PRINTF(2, 3);

/* Read a whole source through a format: one line an item, for comparing:
 * "F path role" and "M path key flags=… kw=a,b received=… size=… sha=first16 issues=…", "S …" for a skipped one. */
char *testing_dump(const haul_format *f, const char *path, const haul_values *v);

#endif
