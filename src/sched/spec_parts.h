/* The larger fields of a SPEC (part of sched/spec). Each reads one value,
 * interns what it found and returns 0 or NEAP_EINVAL. */
#ifndef NEAP_SCHED_SPEC_PARTS_H
#define NEAP_SCHED_SPEC_PARTS_H

#include "sched/spec.h"

struct neap_spec_parts {
    struct neap_keep *keep;
    struct neap_labels *labels;
};

/* Is `place` a clean path below `below` ("in/")? */
bool neap_spec_place_ok(const char *place, const char *below);

int neap_spec_read_res(struct neap_spec_parts *parts, const json_t *json,
                       const char *what, const struct neap_res **ret,
                       struct neap_err *err);
int neap_spec_read_inputs(struct neap_spec_parts *parts, const json_t *json,
                          const struct neap_spec_input **ret, int *ret_count,
                          struct neap_err *err);
int neap_spec_read_outputs(struct neap_spec_parts *parts, const json_t *json,
                           const struct neap_output **ret, int *ret_count,
                           struct neap_err *err);
int neap_spec_read_env(struct neap_spec_parts *parts, const json_t *json,
                       const char *const **ret, int *ret_count,
                       struct neap_err *err);
int neap_spec_read_where(struct neap_spec_parts *parts, const json_t *json,
                         const struct neap_where **ret, int *ret_count,
                         struct neap_err *err);
int neap_spec_read_after(struct neap_spec_parts *parts, const json_t *json,
                         const int **ret, int *ret_count, struct neap_err *err);
int neap_spec_read_retry(struct neap_spec_parts *parts, const json_t *json,
                         const struct neap_retry_spec **ret,
                         struct neap_err *err);

#endif
