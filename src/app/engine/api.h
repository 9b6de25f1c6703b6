/* The handlers behind docs/design/protocol.md, by subject. `id`: the part of
 * the path that the route leaves open, or "". */
#ifndef NEAP_APP_ENGINE_API_H
#define NEAP_APP_ENGINE_API_H

#include <jansson.h>

#include "app/engine/app.h"
#include "app/engine/reply.h"

typedef void (*api_fn)(struct app *app, struct request *request, const char *id,
                       struct reply *reply);

void api_post_run(struct app *, struct request *, const char *, struct reply *);
void api_get_runs(struct app *, struct request *, const char *, struct reply *);
void api_get_run(struct app *, struct request *, const char *, struct reply *);
void api_events(struct app *, struct request *, const char *, struct reply *);
void api_end_run(struct app *, struct request *, const char *, struct reply *);
void api_cancel_run(struct app *, struct request *, const char *,
                    struct reply *);

void api_post_tasks(struct app *, struct request *, const char *,
                    struct reply *);
void api_get_tasks(struct app *, struct request *, const char *,
                   struct reply *);
void api_get_task(struct app *, struct request *, const char *, struct reply *);
void api_patch_task(struct app *, struct request *, const char *,
                    struct reply *);
void api_cancel(struct app *, struct request *, const char *, struct reply *);
void api_log(struct app *, struct request *, const char *, struct reply *);
void api_why(struct app *, struct request *, const char *, struct reply *);
void api_why_summary(struct app *, struct request *, const char *,
                     struct reply *);

void api_info(struct app *, struct request *, const char *, struct reply *);
void api_stats(struct app *, struct request *, const char *, struct reply *);
void api_allocs(struct app *, struct request *, const char *, struct reply *);
void api_policies(struct app *, struct request *, const char *, struct reply *);
void api_swap(struct app *, struct request *, const char *, struct reply *);
void api_stop(struct app *, struct request *, const char *, struct reply *);

/* For server_open; ctx is the app. */
void api_handle(void *ctx, struct request *request, struct reply *reply);

/* ---- shared by the handlers ---- */

/* The body as JSON, owned; NULL: the reply says why not. */
json_t *api_body(struct request *request, struct reply *reply);
/* A run or task by its id; NULL: the reply says that it is not there. */
struct neap_run *api_find_run(struct app *app, const char *id,
                              struct reply *reply);
struct neap_run_task *api_find_task(struct app *app, const char *id,
                                    struct reply *reply);
/* A number of the query: `otherwise` if absent. Negative: not a number, the
 * reply says so. */
int64_t api_number(struct request *request, const char *name, int64_t otherwise,
                   struct reply *reply);
/* What came of a request: 400 if it is wrong, 409 if the state forbids it, 500
 * if the world failed. */
void api_refuse(struct reply *reply, int code, const char *field, int index,
                const struct neap_err *err);

#endif
