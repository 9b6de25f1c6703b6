/* Messages between engine and agent.
 *
 * A frame is a 4-byte big-endian length (at most NEAP_FRAME_MAX) and one
 * MessagePack map with short string keys; unknown keys are skipped, so that
 * versions can differ. The agent dials, says HELLO, and waits for WELCOME.
 *
 *   agent → engine: HELLO GRANTED REFUSED PONG STARTED COLLECTING ENDED FREED
 *   engine → agent: WELCOME LEASE PING RUN KILL FREE BYE
 */
#ifndef NEAP_CLUSTER_WIRE_H
#define NEAP_CLUSTER_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "store/place.h"

#define NEAP_FRAME_MAX    (16u << 20)
#define NEAP_FRAME_ITEMS  (2u << 20) /* values in a frame, keys included */
#define NEAP_WIRE_VERSION 1

enum neap_msg_type {
    NEAP_MSG_HELLO = 1,
    NEAP_MSG_WELCOME,
    NEAP_MSG_LEASE, /* make alloc, or prolong it */
    NEAP_MSG_GRANTED,
    NEAP_MSG_REFUSED,
    NEAP_MSG_PING,
    NEAP_MSG_PONG,
    NEAP_MSG_RUN,
    NEAP_MSG_STARTED,
    NEAP_MSG_COLLECTING, /* program over, outputs being stored */
    NEAP_MSG_ENDED,
    NEAP_MSG_KILL,
    NEAP_MSG_FREE,
    NEAP_MSG_FREED,
    NEAP_MSG_BYE /* engine ends for good: kill all, exit */
};

/* One amount of a resource, by label; amounts as in core/res.h. */
struct neap_wire_amount {
    const char *label;
    int64_t amount;
};

enum neap_end_cause {
    NEAP_END_EXIT, /* see `exit`; 0 is success */
    NEAP_END_SIGNAL,
    NEAP_END_OOM,
    NEAP_END_TIMEOUT,
    NEAP_END_OUTPUT,    /* declared output missing, wrong sort, or escapes */
    NEAP_END_INTEGRITY, /* an input changed or does not match its digest */
    NEAP_END_KILLED,    /* by KILL */
    NEAP_END_STAGE,     /* inputs could not be staged */
    NEAP_END_STORE,     /* outputs could not be stored (disk full …) */
    NEAP_END_SPAWN,     /* the program could not be started: not found … */
    NEAP_END_LOST,      /* the shim died, the agent restarted … */
    NEAP_END_DISK       /* over its disk limit */
};
const char *neap_end_cause_name(enum neap_end_cause cause);

struct neap_usage {
    int64_t utime_us, stime_us; /* cpu of the whole tree */
    int64_t mem_peak;           /* bytes */
    int64_t disk_peak;          /* bytes written below the work directory */
    int64_t read_bytes, write_bytes; /* block I/O; 0: unknown */
};

/* One message. Which fields a type uses is said beside them; the rest is 0.
 * Strings and arrays: borrowed when packing; after parsing they point into
 * the arena of the struct and live until neap_msg_deinit. */
struct neap_msg {
    int type;
    /* HELLO: */
    int version;
    const char *node, *session;        /* session: random, kept over redials */
    struct neap_wire_amount *capacity; /* HELLO; LEASE, GRANTED: of alloc */
    int ncapacity;
    const char **facts; /* HELLO: "cpu.arch", "x86_64", … pairs */
    int nfacts;         /* strings, even */
    int64_t pid;
    /* WELCOME: */
    const char *engine;
    bool private_engine; /* kill everything when the connection ends */
    /* LEASE, GRANTED, REFUSED, FREE, FREED, RUN: */
    const char *alloc; /* "a3" */
    double lease_s;    /* LEASE: from now */
    /* PING, PONG: */
    uint64_t nonce;
    /* RUN, STARTED, COLLECTING, ENDED, KILL: */
    const char *task; /* "r7.12" */
    int attempt;
    /* RUN: */
    const char **argv; /* exec'd directly */
    int argc;
    const char **env; /* "K=V", in addition to the agent's base */
    int nenv;
    struct neap_input *input;
    int ninput;
    int stdin_input;            /* index into input, -1: /dev/null */
    struct neap_output *output; /* ENDED too */
    int noutput;
    struct neap_wire_amount *need; /* limits */
    int nneed;
    double timeout_s; /* 0: none */
    const char *name;
    int keep_logs; /* 0 none, 1 if failed, 2 always */
    /* STARTED: pid, where the program's output grows (absolute), and: */
    const char *out_path, *err_path;
    int64_t at_ns; /* wall time; STARTED, COLLECTING, ENDED */
    /* ENDED: */
    int cause; /* enum neap_end_cause */
    int exit, signal;
    struct neap_usage usage;
    int64_t started_ns, ended_ns; /* wall time of the program */
    int64_t staged_bytes;
    struct neap_file_ref out, err; /* stdout, stderr; digest NULL: empty */
    const char *tail;              /* last lines of stderr, at most 4 KiB */
    const char *text;        /* REFUSED, ENDED: what went wrong, for people */
    int kind;                /* REFUSED, ENDED: enum neap_kind */
    const char *output_name; /* ENDED with OUTPUT: which */
    /* KILL: */
    double grace_s; /* TERM, then KILL after so long */
    /* internal */
    void *arena;
};

const char *neap_msg_type_name(int type); /* "HELLO"; "?" if there is none */
void neap_msg_init(struct neap_msg *msg, int type);
void neap_msg_deinit(struct neap_msg *msg);
/* Append one frame to `out`. Returns 0, or NEAP_EEXHAUSTED if it would be
 * larger than NEAP_FRAME_MAX; `out` is then as before. */
int neap_msg_pack(const struct neap_msg *msg, struct neap_buf *out);
/* Does it have what its type needs (task, alloc, argv[0] …), and are places,
 * digests and labels there? Parsing has checked it. 0 or NEAP_EINVAL. */
int neap_msg_check(const struct neap_msg *msg, struct neap_err *err);
/* Parse the first frame of data[0..len). Returns the bytes it took, 0 if it
 * is not complete yet, or NEAP_EINVAL. */
int64_t neap_msg_parse(const char *data, size_t len, struct neap_msg *ret,
                       struct neap_err *err);

#endif
