/* Gmail's system labels as Takeout writes them, in the languages that Google ships. */
#ifndef HAUL_MIME_LABELS_H
#define HAUL_MIME_LABELS_H

#include "model/folder.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum haul_label {
    HAUL_LABEL_USER, /* none of Gmail's own */
    HAUL_LABEL_UNREAD,
    HAUL_LABEL_OPENED,
    HAUL_LABEL_STARRED,
    HAUL_LABEL_DRAFT,
    HAUL_LABEL_SPAM,
    HAUL_LABEL_INBOX,
    HAUL_LABEL_SENT,
    HAUL_LABEL_TRASH,
    HAUL_LABEL_IMPORTANT,
    HAUL_LABEL_CHAT,
    HAUL_LABEL_ARCHIVED,
    HAUL_LABEL_CATEGORY,
} haul_label;

/* What a decoded label means; ASCII letters match in any case. */
haul_label haul_label_find(const char *p, size_t n);

/* Vault writes Gmail's own labels as "^INBOX", its web interface as "^i": the English name that Takeout has for it, or NULL
 * when it has none. */
const char *haul_label_of_vault(const char *p, size_t n);

#endif
