/* Reading JSON of a request: the next value or a sentence about what is wrong
 * with it. All return 0 or NEAP_EINVAL; `what` names the value. */
#ifndef NEAP_SCHED_READER_H
#define NEAP_SCHED_READER_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sched/keep.h"

/* "a string", "an integer", "a list" … */
const char *neap_read_type(const json_t *json);
int neap_read_str(const json_t *json, const char *what, const char **ret,
                  struct neap_err *err);
int neap_read_int(const json_t *json, const char *what, int64_t min,
                  int64_t max, int64_t *ret, struct neap_err *err);
/* An integer, also as a decimal string. */
int neap_read_big(const json_t *json, const char *what, int64_t *ret,
                  struct neap_err *err);
int neap_read_num(const json_t *json, const char *what, double min, double max,
                  double *ret, struct neap_err *err);
int neap_read_bool(const json_t *json, const char *what, bool *ret,
                   struct neap_err *err);
/* A list of at most `max` strings, interned, and their count. */
int neap_read_strs(const json_t *json, const char *what, size_t max,
                   struct neap_keep *keep, const char *const **ret,
                   int *ret_count, struct neap_err *err);
int neap_read_type_error(const json_t *json, const char *what, const char *want,
                         struct neap_err *err);

/* One field of an object. */
struct neap_read_field {
    const char *name;
    bool required;
    int (*read)(void *ctx, const json_t *json, struct neap_err *err);
};

/* Call `read` for each field that is there. An unknown field, a missing one,
 * or no object at all: NEAP_EINVAL. `field` (may be NULL) is set to the name
 * of the field that was being read when it failed, NULL if none. */
int neap_read_object(const json_t *json, const char *what,
                     const struct neap_read_field *fields, int count, void *ctx,
                     const char **field, struct neap_err *err);

#endif
