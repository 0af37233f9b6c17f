/* Addresses. A list is cut into its mailboxes here, and GMime reads one at a time: its time grows with the square of what is
 * between two quotes, and each group within a group takes a step of its stack. */
#include "hold/eaxs.h"

#include "mime/header.h"

#include <string.h>

typedef struct list {
    haul_eaxs *x;
    const char *name, *field; /* the element; its field, for notes */
    bool open, group;         /* the element, a group in it */
    bool only_first, done;
} list;

static void open_list(list *l)
{
    if (!l->open && !l->only_first)
        haul_eaxs_open(l->x, l->name);
    l->open = true;
}

/* <Mailbox name= address=>as it was</Mailbox>, or <Sender …>. */
static void put(list *l, const char *name, const char *address, const char *text)
{
    if (l->done)
        return;
    open_list(l);
    l->done = l->only_first;
    haul_eaxs_open(l->x, l->only_first ? l->name : "Mailbox");
    if (name && *name)
        haul_eaxs_attr(l->x, "name", name);
    if (address && *address)
        haul_eaxs_attr(l->x, "address", address);
    haul_eaxs_chars(l->x, l->field, text, strlen(text));
    haul_eaxs_close(l->x);
}

static void open_group(list *l, const char *name)
{
    if (l->only_first)
        return;
    open_list(l);
    haul_eaxs_open(l->x, "Group");
    haul_eaxs_z(l->x, "Name", name);
}

static void put_list(list *l, InternetAddressList *from, unsigned depth);

static void put_one(list *l, InternetAddress *a, unsigned depth)
{
    if (INTERNET_ADDRESS_IS_GROUP(a) && depth < HAUL_EAXS_GROUPS) {
        const char *name = internet_address_get_name(a);
        open_group(l, name ? name : "");
        put_list(l, internet_address_group_get_members(INTERNET_ADDRESS_GROUP(a)), depth + 1);
        if (!l->only_first)
            haul_eaxs_close(l->x);
        return;
    }
    char *text = internet_address_to_string(a, NULL, FALSE);
    const char *address = INTERNET_ADDRESS_IS_MAILBOX(a)
                              ? internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(a))
                              : NULL;
    put(l, internet_address_get_name(a), address, text ? text : "");
    g_free(text);
}

static void put_list(list *l, InternetAddressList *from, unsigned depth)
{
    int n = from ? internet_address_list_length(from) : 0;
    for (int i = 0; i < n; i++)
        put_one(l, internet_address_list_get_address(from, i), depth);
}

/* What no address can be read from is text. */
static void put_text(list *l, haul_span s)
{
    haul_auto_str text = {0};
    haul_header_decode(s, &text);
    if (text.len)
        put(l, NULL, NULL, text.p);
}

static void put_span(list *l, haul_span s)
{
    s = haul_span_trim(s);
    if (!s.len)
        return;
    haul_auto_str z = {0};
    haul_str_add(&z, s.p, s.len);
    InternetAddressList *parsed =
        s.len <= HAUL_EAXS_MAILBOX ? internet_address_list_parse(NULL, haul_strz(&z)) : NULL;
    if (parsed && internet_address_list_length(parsed) > 0)
        put_list(l, parsed, 1);
    else
        put_text(l, s);
    if (parsed)
        g_object_unref(parsed);
}

static void begin_group(list *l, haul_span name)
{
    haul_auto_str text = {0};
    haul_header_decode(name, &text);
    haul_span s = haul_span_trim((haul_span){haul_strz(&text), text.len});
    if (s.len > 1 && *s.p == '"' && s.p[s.len - 1] == '"') {
        text.p[s.p - text.p + (ptrdiff_t)s.len - 1] = '\0';
        s.p++;
    }
    open_group(l, s.p);
    l->group = true;
}

static void end_group(list *l)
{
    if (l->group && !l->only_first)
        haul_eaxs_close(l->x);
    l->group = false;
}

/* Behind the quoted string, comment, literal or angle that begins at `at`. One that does not end takes the rest with it. */
static size_t skip(haul_span s, size_t at)
{
    char open = s.p[at], end = open == '"' ? '"' : open == '(' ? ')' : open == '[' ? ']' : '>';
    unsigned depth = 1;
    for (size_t i = at + 1; i < s.len; i++) {
        if (s.p[i] == '\\' && open != '<')
            i++;
        else if (s.p[i] == end && !--depth)
            return i + 1;
        else if (s.p[i] == open && open == '(')
            depth++;
    }
    return s.len;
}

static void split(list *l, haul_span s)
{
    size_t from = 0;
    for (size_t at = 0; at < s.len;) {
        char c = s.p[at];
        if (c == '"' || c == '(' || c == '[' || c == '<') {
            at = skip(s, at);
            continue;
        }
        haul_span before = {s.p + from, at - from};
        at++;
        if (c == ':' && !l->group)
            begin_group(l, before);
        else if (c == ',' || c == ';')
            put_span(l, before);
        else
            continue;
        if (c == ';')
            end_group(l);
        from = at;
    }
    put_span(l, (haul_span){s.p + from, s.len - from});
    end_group(l);
}

static void each_field(list *l, haul_span header)
{
    haul_span value;
    for (size_t pos = 0; haul_eaxs_next(header, &pos, l->field, &value);) {
        haul_auto_str flat = {0};
        if (value.len > HAUL_EAXS_VALUE)
            value.len = HAUL_EAXS_VALUE;
        haul_eaxs_decode(value, false, &flat);
        for (size_t i = 0; i < flat.len; i++)
            if (!flat.p[i])
                flat.p[i] = ' '; /* noted among the Headers */
        split(l, (haul_span){haul_strz(&flat), flat.len});
    }
}

void haul_eaxs_addresses(haul_eaxs *x, haul_span header, const char *name, const char *field)
{
    list l = {.x = x, .name = name, .field = field};
    each_field(&l, header);
    if (l.open)
        haul_eaxs_close(x);
}

void haul_eaxs_mailbox(haul_eaxs *x, haul_span header, const char *name, const char *field)
{
    list l = {.x = x, .name = name, .field = field, .only_first = true};
    each_field(&l, header);
}
