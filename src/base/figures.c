#include "base/figures.h"

void haul_text_number(haul_str *to, uint64_t n)
{
    if (n >= 1000) {
        haul_text_number(to, n / 1000);
        haul_str_addf(to, ",%03u", (unsigned)(n % 1000));
    } else {
        haul_str_addf(to, "%u", (unsigned)n);
    }
}

void haul_text_size(haul_str *to, uint64_t octets)
{
    static const char *const units[] = {"kB", "MB", "GB", "TB", "PB"};
    if (octets < 1000) {
        haul_str_addf(to, "%u B", (unsigned)octets);
        return;
    }
    uint64_t unit = 1000;
    size_t u = 0;
    /* 999,950 octets and more would print as 1000.0 kB */
    while (u + 1 < HAUL_COUNT(units) && octets / unit >= 999 && octets + unit / 20 >= unit * 1000) {
        unit *= 1000;
        u++;
    }
    uint64_t tenths = octets / unit * 10 + (octets % unit * 10 + unit / 2) / unit;
    haul_str_addf(to, "%llu.%u %s", (unsigned long long)(tenths / 10), (unsigned)(tenths % 10), units[u]);
}
