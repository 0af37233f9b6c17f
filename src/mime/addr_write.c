#include "mime/addr.h"
#include "mime/encode.h"

#include <string.h>

#define ADDR_MAX                                                                                             \
    900u /* octets: it must fit a line; RFC 5321 allows 320, encapsulated X.500 names are longer */

/* RFC 5322 3.4.1: what a dot-atom may hold. Dots in odd places ("a..b@c") are let through: such addresses are in use. */
static bool is_local(unsigned char c)
{
    return c > 32 && c < 127 && !strchr("()<>[]:;@\\,\"", c);
}

/* Length of the local part: a dot-atom or a quoted string; 0 = neither. */
static size_t local_length(const char *z)
{
    size_t i = 0;
    if (z[0] != '"') {
        while (is_local((unsigned char)z[i]))
            i++;
        return i;
    }
    for (i = 1; z[i] && z[i] != '"'; i++) {
        if (z[i] == '\\')
            i++;
        if (z[i] < 32 ||
            z[i] == 127) /* 8-bit octets and the end too; a blank is legal here, yet not for us */
            return 0;
    }
    return z[i] == '"' ? i + 1 : 0;
}

static bool is_domain(const char *z)
{
    size_t n = strlen(z);
    bool literal = n > 2 && z[0] == '[' && z[n - 1] == ']';
    for (size_t i = literal; i < n - literal; i++) {
        unsigned char c = (unsigned char)z[i];
        if (literal ? c <= 32 || c >= 127 || strchr("[]\\<>", c) : !is_local(c))
            return false;
    }
    return n > 0 && z[0] != '.';
}

bool haul_addr_ok(const char *z)
{
    if (!z || strlen(z) > ADDR_MAX || strchr(z, ' '))
        return false;
    size_t local = local_length(z);
    return local && z[local] == '@' && is_domain(z + local + 1);
}

void haul_addr_write(haul_str *to, const haul_addr *a)
{
    bool named = a->name && a->name[strspn(a->name, " \t\r\n")];
    haul_mailbox_add(to, named || haul_addr_ok(a->smtp) ? a->name : a->other, a->smtp);
}
