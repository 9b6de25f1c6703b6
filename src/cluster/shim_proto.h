/* Between the agent and its shims.
 *
 * A shim is started as `neap-shim SLOT [PROCS…]` with a stream socket as
 * descriptor 3 and /dev/null as descriptor 0, the stdin of tasks that have
 * none: SLOT is its directory, PROCS are files of control groups that
 * it joins by writing "0"; only the first has to work. It runs one task at a
 * time. Both ends are of the same build, so that messages are plain structs.
 *
 *   SLOT/w        work directory of the task, with an empty tmp/
 *   SLOT/out err  its stdout and stderr, made if they are not there
 *   SLOT/records  ring of exit records (struct neap_shim_record)
 */
#ifndef NEAP_CLUSTER_SHIM_PROTO_H
#define NEAP_CLUSTER_SHIM_PROTO_H

#include <stdint.h>

#define NEAP_SHIM_FD      3
#define NEAP_SHIM_MAX     (64u << 20) /* largest message */
#define NEAP_SHIM_RECORDS 1024        /* in the ring */
#define NEAP_SHIM_MAGIC   UINT32_C(0x4e454150)
#define NEAP_SHIM_TASK_ID 48

enum neap_shim_type {
    NEAP_SHIM_RUN = 1, /* agent → shim */
    NEAP_SHIM_SIGNAL,
    NEAP_SHIM_ENDED, /* shim → agent */
    NEAP_SHIM_FAILED /* it could not set itself up and exits */
};

struct neap_shim_head {
    uint32_t size; /* of the whole message */
    uint32_t type;
};

enum {
    NEAP_SHIM_FRESH = 1, /* SLOT/w is another directory than last time */
    NEAP_SHIM_FINISH = 2 /* should the agent die, let the task end by itself */
};

/* Behind it: argc strings, envc strings, the path of stdin (empty: none); each
 * with NUL. Paths are relative to SLOT/w. */
struct neap_shim_run {
    struct neap_shim_head head;
    uint32_t flags;
    uint32_t argc, envc;
    int32_t attempt;
    uint64_t fsize;               /* RLIMIT_FSIZE in bytes; 0: as it is */
    char task[NEAP_SHIM_TASK_ID]; /* terminated; cut if longer */
};

/* To every process of the task; SIGKILL until none is left. */
struct neap_shim_signal {
    struct neap_shim_head head;
    int32_t signal;
};

enum neap_shim_step { /* what failed before the program ran */
                      NEAP_SHIM_STEP_NONE,
                      NEAP_SHIM_STEP_STDIN,
                      NEAP_SHIM_STEP_LOGS,
                      NEAP_SHIM_STEP_DIR,
                      NEAP_SHIM_STEP_FORK,
                      NEAP_SHIM_STEP_EXEC
};

/* Sums over all processes of the task that were reaped. */
struct neap_shim_usage {
    int64_t utime_us, stime_us;
    int64_t maxrss_kib;       /* of the largest one */
    int64_t inblock, oublock; /* of 512 bytes */
};

struct neap_shim_ended {
    struct neap_shim_head head;
    int32_t status;       /* as of wait(2) */
    int32_t step, number; /* errno */
    int32_t pid;
    int32_t killed;               /* processes that outlived the program */
    int32_t used;                 /* something is in SLOT/w */
    int64_t started_ns, ended_ns; /* wall time */
    int64_t out_size, err_size;
    struct neap_shim_usage usage;
};

struct neap_shim_failed {
    struct neap_shim_head head;
    int32_t number; /* errno */
    char what[128];
};

struct neap_shim_record {
    uint32_t magic;
    int32_t attempt;
    uint64_t sequence; /* of this shim, from 1 */
    char task[NEAP_SHIM_TASK_ID];
    int32_t status, step, number, reserved;
    int64_t started_ns, ended_ns;
    struct neap_shim_usage usage;
};

#endif
