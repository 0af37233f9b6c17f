/* Any octets as a Maildir file name, as dovecot-keywords and as a folder name. */
#include "maildir.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    haul_arena a = {0};
    haul_auto_str unique = {0}, text = {0};
    haul_letters letters = {0};
    haul_maildir_name n;
    haul_msg *m = haul_msg_new();
    const char *name = haul_arena_strn(&a, data, size);
    haul_maildir_name_parse(name, &n);
    haul_maildir_unique(&n, &unique);
    if (n.base.len > strlen(name) || unique.len > n.base.len)
        abort();
    haul_letters_parse(&letters, name, size);
    haul_maildir_flags(m, &n, &letters);
    (void)haul_maildir_decode(name, strlen(name), &text);
    haul_letters_done(&letters);
    haul_msg_unref(m);
    haul_arena_done(&a);
    return 0;
}
