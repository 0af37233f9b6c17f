/* From the path of a folder in reports to its name on the server, and back. */
#include "imap/session.h"

#include <string.h>

haul_rc haul_imap_base(const haul_imap_url *url, const haul_imap_account *a, haul_str *to, haul_err *e)
{
    bool inbox = url->n_folder && haul_icmp(url->folder[0], "INBOX") == 0;
    haul_str_addz(to, inbox ? "" : a->prefix);
    if (url->n_folder && !a->separator)
        return haul_fail(e, HAUL_E_TARGET,
                         "the server has no folders in folders; leave the folder out of the URL");
    for (size_t i = 0; i < url->n_folder; i++) {
        if (strchr(url->folder[i], a->separator))
            return haul_fail(e, HAUL_E_USAGE,
                             "'%s': the server separates folders by '%c', which a name cannot hold",
                             url->folder[i], a->separator);
        haul_str_addf(to, "%s%c", i == 0 && inbox ? "INBOX" : url->folder[i], a->separator);
    }
    return HAUL_OK;
}

void haul_imap_name_of(const char *base, bool below, char separator, const char *text, haul_str *to)
{
    if (strcmp(text, "INBOX") == 0 && !below) { /* it lies in no namespace (RFC 2342) */
        haul_str_addz(to, text);
        return;
    }
    haul_str_addz(to, base);
    if (!*text && to->len && to->p[to->len - 1] == separator)
        to->p[--to->len] = '\0';
    for (const char *p = text; *p; p++)
        haul_str_addc(to, *p == '/' ? separator : *p);
}

bool haul_imap_text_of(const char *base, char separator, const char *name, haul_str *to)
{
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0 || !name[n])
        return false;
    for (const char *p = name + n; *p; p++) {
        if (*p == '/' && separator != '/')
            return false;
        haul_str_addc(to, *p == separator ? '/' : *p);
    }
    return true;
}
