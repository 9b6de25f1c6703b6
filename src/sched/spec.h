/* What a task of a run is: the SPEC of docs/design/protocol.md, checked.
 *
 * Read-only once parsed. Everything points into the store of its run
 * (sched/keep.h), so that tasks which are alike share all but their
 * commands and inputs.
 */
#ifndef NEAP_SCHED_SPEC_H
#define NEAP_SCHED_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/res.h"
#include "core/strmap.h"
#include "sched/keep.h"
#include "store/place.h"

enum {
    NEAP_SPEC_BATCH_MAX = 10000,   /* tasks in one POST */
    NEAP_SPEC_INPUTS_MAX = 100000, /* files included */
    NEAP_SPEC_OUTPUTS_MAX = 1000,
    NEAP_SPEC_CMD_MAX = 1 << 20, /* bytes, also of env */
    NEAP_SPEC_NAME_MAX = 128,
    NEAP_SPEC_LIST_MAX = 100000 /* after, argv, env, labels */
};

enum neap_retry_on {
    NEAP_RETRY_EXIT = 1,
    NEAP_RETRY_OOM = 2,
    NEAP_RETRY_TIMEOUT = 4,
    NEAP_RETRY_SIGNAL = 8,
    NEAP_RETRY_OUTPUT = 16
};

struct neap_grow {
    int label;
    double factor;
};

struct neap_retry_spec {
    int max;
    unsigned on;      /* enum neap_retry_on */
    const int *exits; /* "exit:N" */
    int nexits;
    double delay_s, factor, max_delay_s, jitter;
    const struct neap_grow *grow;
    int ngrow;
    double grow_timeout;          /* 0: it stays */
    const struct neap_res *limit; /* 0 in a label: none; NULL: none at all */
};

/* A fact that the node must have, with one of these values. */
struct neap_where {
    const char *key;
    const char *const *value;
    int nvalue;
};

enum neap_logs { NEAP_LOGS_NONE, NEAP_LOGS_FAILED, NEAP_LOGS_KEEP };

/* What many tasks have in common; kept once. */
struct neap_spec_common {
    const char *name, *src; /* src NULL: unknown */
    const char *const *shell;
    const char *const *env;           /* "K=V", may hold late placeholders */
    const struct neap_strmap *labels; /* NULL: none */
    const struct neap_where *where;   /* NULL: anywhere */
    const char *const *pool;          /* NULL: any */
    const struct neap_res *need;
    const struct neap_output *output;
    const struct neap_retry_spec *retry; /* NULL: none */
    double timeout_s, expect_s;          /* 0: none */
    int nshell, nenv, nwhere, npool, noutput;
    int priority;
    int logs; /* enum neap_logs */
};

/* An input: files that are known, or the output of a task. */
struct neap_spec_input {
    const char *place;
    const struct neap_file_ref *file;
    int nfile;
    bool dir;
    int task; /* 0: files */
    const char *output;
};

struct neap_spec {
    int n;
    int ncmd; /* 0: a line for the shell */
    union {
        const char *line;
        const char *const *argv;
    } cmd;
    const struct neap_spec_common *common;
    const struct neap_spec_input *input;
    const int *after; /* numbers of tasks */
    int ninput, nafter;
    int stdin_input; /* -1: none */
};

/* Where in a request the mistake is. */
struct neap_spec_where {
    char field[64]; /* "retry.on"; "" for the task itself */
};

/* Parse and check one SPEC; unknown fields are refused. References to other
 * tasks are not looked up here. On failure `where` says which field.
 * NEAP_EINVAL, NEAP_EEXHAUSTED (a limit). */
int neap_spec_parse(const json_t *json, struct neap_keep *keep,
                    struct neap_labels *labels, struct neap_spec *ret,
                    struct neap_spec_where *where, struct neap_err *err);

/* Parse an object of labels (string to string). */
int neap_spec_parse_labels(const json_t *json, struct neap_keep *keep,
                           const struct neap_strmap **ret,
                           struct neap_err *err);

const struct neap_output *neap_spec_output(const struct neap_spec *spec,
                                           const char *name); /* or NULL */
const char *neap_output_kind_name(int kind);

#endif
