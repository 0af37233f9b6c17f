/* repair_message FAULT,… LINE_MAX < MESSAGE > REPAIRED: for check_repair.py. What was done goes to standard error; so
 * does "left: …" when a fault is there still. Exit 1: nothing was repaired. */
#include "mime/repair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static unsigned faults_of(const char *list)
{
    unsigned faults = 0;
    for (unsigned bit = 1; bit <= HAUL_FAULT_QUOTA; bit <<= 1)
        if (strstr(list, haul_fault_name(bit)))
            faults |= bit;
    return faults;
}

static haul_rc read_all(haul_spool *s, haul_err *e)
{
    static char buf[65536];
    haul_rc rc = HAUL_OK;
    for (ssize_t n; rc == HAUL_OK && (n = read(STDIN_FILENO, buf, sizeof(buf))) > 0;)
        rc = haul_out_write(haul_spool_out(s), buf, (size_t)n, e);
    return rc == HAUL_OK ? haul_spool_freeze(s, e) : rc;
}

static haul_rc repair(haul_spool *from, haul_spool *to, haul_limits *l, haul_err *e)
{
    haul_auto_str what = {0}, left = {0};
    unsigned found = 0;
    haul_rc rc = haul_faults_find(from, l, &found, NULL, e);
    if (rc == HAUL_OK)
        rc = haul_repair(from, found, l, haul_spool_out(to), &what, e);
    if (rc == HAUL_OK)
        rc = haul_spool_freeze(to, e);
    fprintf(stderr, "%s\n", haul_strz(&what));
    if (rc == HAUL_OK)
        rc = haul_faults_find(to, l, &found, &left, e);
    if (left.len)
        fprintf(stderr, "left: %s\n", left.p);
    return rc == HAUL_OK ? haul_spool_to_fd(to, HAUL_EOL_KEEP, STDOUT_FILENO, "standard output", e) : rc;
}

int main(int argc, char **argv)
{
    haul_err e = {0};
    if (argc != 3)
        return 2;
    haul_limits l = {.faults = faults_of(argv[1]), .line_max = (uint32_t)strtoul(argv[2], NULL, 10)};
    haul_auto(haul_spool) *from = haul_spool_new(true), *to = haul_spool_new(true);
    haul_rc rc = read_all(from, &e);
    if (rc == HAUL_OK)
        rc = repair(from, to, &l, &e);
    if (rc != HAUL_OK)
        fprintf(stderr, "%s\n", e.text);
    return rc != HAUL_OK;
}
