/* What goes back to a client. */
#ifndef NEAP_APP_ENGINE_REPLY_H
#define NEAP_APP_ENGINE_REPLY_H

#include "sched/json.h"

struct MHD_Response;

struct reply {
    int status; /* 200 */
    struct neap_buf body;
    const char *type; /* "application/json" */
    struct {
        const char *name;
        char value[32];
    } header[4];
    int nheader;
    struct MHD_Response *stream; /* instead of a body */
};

void reply_init(struct reply *reply);
/* Begin a document: {"schema": …; the caller closes it. */
struct neap_json reply_document(struct reply *reply, const char *schema);
void reply_error(struct reply *reply, int status, const char *kind,
                 const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The details of a refused request. */
struct reply_fault {
    const char *kind, *field; /* field NULL: none */
    int index;                /* -1: none */
};
void reply_fault(struct reply *reply, int status,
                 const struct reply_fault *fault, const char *message);

#endif
