/* Every text of a document, by name: on purpose not the list that the catalogue itself uses. */
#ifndef HAUL_TESTING_HOLD_H
#define HAUL_TESTING_HOLD_H

#define TESTING_DOC_TEXTS(X)                                                                                 \
    X(docid)                                                                                                 \
    X(item_id)                                                                                               \
    X(custodian)                                                                                             \
    X(source)                                                                                                \
    X(folder)                                                                                                \
    X(folder_written)                                                                                        \
    X(place)                                                                                                 \
    X(from)                                                                                                  \
    X(to)                                                                                                    \
    X(cc)                                                                                                    \
    X(bcc)                                                                                                   \
    X(subject)                                                                                               \
    X(date_field)                                                                                            \
    X(message_id)                                                                                            \
    X(mih)                                                                                                   \
    X(in_reply_to)                                                                                           \
    X(references)                                                                                            \
    X(conversation_index)                                                                                    \
    X(importance)                                                                                            \
    X(mime_type)                                                                                             \
    X(content_id)                                                                                            \
    X(keywords)                                                                                              \
    X(file_name)                                                                                             \
    X(native)                                                                                                \
    X(text)                                                                                                  \
    X(exception)

#endif
