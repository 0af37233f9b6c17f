/* Calendar objects of MAPI as iCalendar (libical): appointments, meeting messages, tasks, journal entries.
 * Source: MS-OXCICAL 2.1.3, MS-OXOCAL, MS-OXOTASK, RFC 5545, RFC 5546. */
#ifndef HAUL_MIME_ICAL_H
#define HAUL_MIME_ICAL_H

#include "mime/mapi.h"
#include "model/msg.h"

#define HAUL_ICAL_ATTACH_MAX (8u * 1024u * 1024u) /* octets of one attachment of an exception, inline */

/* Touch what libical reads from files (the name of UTC lives beside its zone table): a confined process calls this
 * before it gives up the right to open files. Nothing of those files gets into what is written. */
void haul_ical_preload(void);

/* True for the classes that become iCalendar: IPM.Appointment, IPM.Schedule.Meeting.*, IPM.Task, IPM.TaskRequest.*,
 * IPM.Activity, IPM.StickyNote (a VJOURNAL), and what lies below them. */
bool haul_ical_is(const haul_mapi *o);
/* Minutes east of UTC at an instant, by the zone that a calendar object or meeting message is shown in; 0 when it names
 * none, or one that is not whole minutes. */
int haul_ical_offset(const haul_bag *b, int64_t utc_us);
/* Append one VCALENDAR, CRLF, UTF-8, folded at 75 octets; no clock, no host zone: DTSTAMP is the item's own time.
 * *ret_method: "REQUEST", "REPLY", "CANCEL", "COUNTER", "PUBLISH" (static), or NULL when the object has no METHOD: a snapshot
 * (RFC 5545 3.7.2) of what iTIP cannot publish, such as a meeting with its attendees (RFC 5546 3.2.1), a task or a note. Then
 * Content-Type has no method parameter either. body: the item's text, for DESCRIPTION; NULL = none.
 * Exceptions of recurring items come from attachments of o (it is loaded when needed). What cannot be expressed is an issue
 * of m; a blob that cannot be parsed gives the single instance and an issue, never a failure. */
HAUL_MUST_USE haul_rc haul_ical_build(haul_mapi *o, haul_msg *m, const char *body, haul_str *to,
                                      const char **ret_method, haul_err *e);
/* True when attachment i is an exception of a recurring item (its data are in the iCalendar already). */
bool haul_ical_is_exception(const haul_mapi *o, size_t i);

#endif
