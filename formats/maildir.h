/* Maildir: names, flags and keywords, shared by reader, writer, tests and fuzzing.
 * Rules: docs/formats/maildir.md. */
#ifndef HAUL_FORMATS_MAILDIR_H
#define HAUL_FORMATS_MAILDIR_H

#include "model/format.h"

#define HAUL_MAILDIR_LETTERS      26u             /* keywords a folder can name: a..z */
#define HAUL_MAILDIR_KEYWORD_FILE (1024u * 1024u) /* octets of dovecot-keywords that are read */

#define HAUL_MAILDIR_OURS         ".mailhaul," /* in every file name that we give [maildir-18] */

extern const haul_reader_ops haul_maildir_reader;
extern const haul_sink_ops haul_maildir_sink;
extern const haul_format_option haul_maildir_options[]; /* [0] layout, [1] names */
enum { HAUL_MAILDIR_PLUS, HAUL_MAILDIR_FS };            /* choices of maildir-layout */
enum { HAUL_MAILDIR_MUTF7, HAUL_MAILDIR_UTF8 };         /* choices of maildir-names */

extern const haul_naming haul_maildir_naming[2][2]; /* [layout][names] */

/* A file name of cur/ or new/ taken apart. Views of the name. */
typedef struct haul_maildir_name {
    haul_span base;         /* without the info suffix */
    haul_span letters;      /* what follows ":2,"; empty when there is no info */
    bool has_info;          /* ":2," or one of its disguises was there */
    size_t uid_at, uid_len; /* ",U=12" within base; uid_len 0 = none */
    bool has_size;
    uint64_t size; /* S= */
} haul_maildir_name;

/* [maildir-7] to [maildir-10]. Any octets are accepted; never allocates. */
void haul_maildir_name_parse(const char *name, haul_maildir_name *ret);
/* The unique part: base without ",U=…", which changes with the server. */
void haul_maildir_unique(const haul_maildir_name *n, haul_str *to);

/* The names behind the letters a..z. */
typedef struct haul_letters {
    char *name[HAUL_MAILDIR_LETTERS]; /* owned; NULL = unnamed */
} haul_letters;

/* Read dovecot-keywords ("0 Name" lines); lines that are not such are passed over, the first name of a letter counts. */
void haul_letters_parse(haul_letters *l, const char *text, size_t n);
void haul_letters_write(const haul_letters *l, haul_str *to);
/* Index of that keyword (ASCII case ignored, as IMAP does), -1 when it has none. */
int haul_letters_find(const haul_letters *l, const char *keyword);
/* The same, giving it a free letter; -1 when all are taken. *ret_new tells whether it was given now. */
int haul_letters_put(haul_letters *l, const char *keyword, bool *ret_new);
void haul_letters_done(haul_letters *l);

/* Flags and keywords of an info suffix into m [maildir-8] [maildir-11]. */
void haul_maildir_flags(haul_msg *m, const haul_maildir_name *n, const haul_letters *l);
/* A keyword as a server stores it: into a flag of m where it means one, else a keyword; modified UTF-7 decoded. */
void haul_maildir_keyword(haul_msg *m, const char *p, size_t n);
/* A keyword as an IMAP atom [maildir-20]. False when it had to be changed irreversibly. */
bool haul_maildir_atom(const char *keyword, haul_str *to);
/* The letters "DFPRST" of m's flags, and the keyword names of flags that need one ("$Junk"), NULL-ended [maildir-12]. */
size_t haul_maildir_letters(const haul_msg *m, char ret_letters[8], const char *ret_names[5]);

/* One level of a folder name as stored: modified UTF-7, UTF-8 or neither, into UTF-8, still escaped.
 * False when it was guessed. */
bool haul_maildir_decode(const char *p, size_t n, haul_str *to);

#endif
