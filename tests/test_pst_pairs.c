/* Which list of subnodes is which context's (pst/rescue_pairs.h). */
#include "pst/rescue_pairs.h"

#include <criterion/criterion.h>
#include <string.h>

#define MOST 20

static const uint32_t nids[] = {0x671, 0x692, 0x801f, 0x803f};

typedef struct
    expected {         /* letters from A on: context and list with the same belong together; "." = nobody */
    const char *kinds; /* c, l: nothing to tell by; C, L: with recipients 7; d, m: with recipients 8 */
    uint64_t numbers[MOST];
    const char *pairs;
} expected;

static haul_half half_of(char kind, uint64_t number)
{
    bool list = kind == 'l' || kind == 'L' || kind == 'm';
    uint64_t people = kind == 'C' || kind == 'L' ? 7 : kind == 'd' || kind == 'm' ? 8 : 0;
    return (haul_half){.id = number * 4 + (list ? 2 : 0), .list = list, .names = true, .people = people};
}

static void compare(const expected *row)
{
    haul_half v[MOST] = {0};
    size_t n = strlen(row->kinds);
    char got[MOST + 1] = {0}, next = 'A';
    for (size_t i = 0; i < n; i++)
        v[i] = half_of(row->kinds[i], row->numbers[i]);
    haul_pairs_find(v, n, nids);
    memset(got, '.', n);
    for (size_t i = 0; i < n; i++)
        if (v[i].other != HAUL_PAIRS_NONE && v[i].other > i)
            got[i] = got[v[i].other] = next++;
    cr_expect_str_eq(got, row->pairs, "%s: %s", row->kinds, got);
}

Test(pst_pairs, by_place_and_recipients)
{
    static const expected rows[] = {
        {"", {0}, ""},
        {"cl", {10, 11}, "AA"},
        {"lc", {10, 11}, "AA"},
        {"cl", {10, 12}, ".."}, /* nothing to tell by, and not side by side */
        {"CL", {10, 12}, ".."}, /* many messages have the same recipients */
        {"Cm", {10, 11}, ".."}, /* of others */
        {"Cl", {10, 11}, ".."},
        {"lcl", {10, 11, 12}, "..."}, /* either could be it */
        {"clc", {10, 11, 12}, "..."},
        {"clcl", {10, 11, 12, 13}, "...."}, /* two are too few to tell */
        {"clclcl", {10, 11, 12, 13, 14, 15}, "AABBCC"},
        {"clcldm", {10, 11, 12, 13, 20, 24}, "AABBCC"},
        {"clclclc", {10, 11, 12, 13, 14, 15, 16}, "......."}, /* in two ways */
        {"lcLCmdlclc", {10, 11, 20, 22, 30, 33, 40, 41, 42, 43}, "AABBCCDDEE"},
        {"lcLCmdclc", {10, 11, 20, 22, 30, 33, 40, 41, 42}, "AABBCC.DD"}, /* its list is gone */
        {"lcLCmdcl", {10, 11, 20, 22, 30, 33, 40, 41}, "AA....BB"},       /* on either side here */
        {"lclclclclclclclccl",                                            /* here not */
         {10, 11, 20, 21, 30, 31, 40, 41, 50, 51, 60, 61, 70, 71, 80, 81, 90, 91},
         "AABBCCDDEEFFGGHH.."},
        {"LCmdLC", {10, 14, 20, 24, 30, 35}, "......"}, /* two are too few, the third too far */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        compare(&rows[i]);
}

Test(pst_pairs, by_what_lies_in_subnodes)
{
    static const struct {
        size_t context, n_context, list, n_list; /* first of nids, and how many */
        bool says, flag, attachments, pair;
    } rows[] = {
        {2, 2, 0, 4, false, false, false, true},  {2, 1, 0, 3, false, false, false, true},
        {2, 1, 0, 4, false, false, false, false}, /* a value that nobody names */
        {2, 2, 0, 3, false, false, false, false}, /* a value that is not there */
        {2, 1, 1, 2, true, true, true, true},     {2, 1, 1, 2, true, true, false, false},
        {2, 1, 1, 2, true, false, true, false},   {2, 1, 1, 2, false, false, true, true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        haul_half v[2] = {
            {.id = 46,
             .list = true,
             .attachments = rows[i].attachments,
             .first = rows[i].list,
             .n = rows[i].n_list},
            {.id = 56,
             .says = rows[i].says,
             .attachments = rows[i].flag,
             .first = rows[i].context,
             .n = rows[i].n_context},
        };
        haul_pairs_find(v, 2, nids);
        cr_expect_eq(v[0].other == 1 && v[1].other == 0, rows[i].pair, "row %zu", i);
    }
}
