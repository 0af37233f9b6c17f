#include "mime/walk.h"

#include <criterion/criterion.h>
#include <stdbool.h>

/* That pieces make up the message again is what test_mime_repair.c and check_repair.py show. */

static void count_told(void *ctx, size_t at)
{
    size_t *told = ctx;
    cr_assert(at > told[1]);
    told[0]++;
    told[1] = at;
}

Test(walk, tells_depth_and_progress)
{
    static const char message[] =
        "Content-Type: multipart/mixed; boundary=a\n\n--a\n"
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n\nx\n--b--\n--a\n\ny\n--a--\n";
    static const struct {
        bool entity, last;
        unsigned depth;
    } wanted[] = {{true, false, 0}, {false, false, 1}, {true, false, 1}, {false, false, 2}, {true, false, 2},
                  {false, true, 1}, {false, false, 1}, {true, false, 1}, {false, true, 0}};
    haul_piece piece;
    size_t i = 0;
    haul_auto(haul_walk) *w = haul_walk_new((haul_span){message, sizeof(message) - 1});
    for (; haul_walk_next(w, &piece); i++) {
        cr_assert(i < HAUL_COUNT(wanted));
        cr_expect(piece.entity == wanted[i].entity && piece.depth == wanted[i].depth &&
                      piece.last == wanted[i].last,
                  "%zu", i);
    }
    cr_expect(i == HAUL_COUNT(wanted));
    haul_auto_str big = {0};
    haul_str_addz(&big, "Content-Type: multipart/mixed; boundary=a\n\n--a\n\n");
    while (big.len < 5 * HAUL_WALK_STEP)
        haul_str_addz(&big, "A line of something that is long enough.\n");
    size_t told[2] = {0};
    haul_auto(haul_walk) *large = haul_walk_new((haul_span){big.p, big.len});
    haul_walk_watch(large, count_told, told);
    while (haul_walk_next(large, &piece))
        ;
    cr_expect(told[0] >= 4, "%zu", told[0]);
}
