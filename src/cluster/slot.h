/* A slot: a directory, its shim, its control group. One task at a time.
 *
 *   WORK/sN/{w,w/tmp,out,err,records}
 */
#ifndef NEAP_CLUSTER_SLOT_H
#define NEAP_CLUSTER_SLOT_H

#include <stdbool.h>
#include <sys/types.h>

#include <uv.h>

#include "base/err.h"
#include "cluster/cgroup.h"
#include "cluster/shim_proto.h"
#include "cluster/wire.h"

struct neap_slot;

struct neap_slot_options {
    uv_loop_t *loop;
    const char *shim; /* program */
    const char *work; /* folder for slots, absolute */
    struct neap_cgroups *groups;
    const char *path; /* PATH of tasks */
    void *ctx;        /* for the callbacks */
    /* The task is over: nothing of it runs any more. */
    void (*ended)(void *ctx, struct neap_slot *slot,
                  const struct neap_shim_ended *ended);
    /* The shim has died or could not set itself up. Close the slot. */
    void (*lost)(void *ctx, struct neap_slot *slot, const struct neap_err *why);
};

/* Make the directory and start the shim; does not wait for it. `options` is
 * borrowed for the life of the slot. Owned; close it. */
int neap_slot_open(const struct neap_slot_options *options, int number,
                   struct neap_slot **ret, struct neap_err *err);
/* End the shim (and its task), wait for it, remove the directory. */
void neap_slot_close(struct neap_slot *slot);
/* The same for many: `hang_up` tells the shims to end, so that they do it at
 * once, side by side. No callback comes any more. */
void neap_slot_hang_up(struct neap_slot *slot);

/* Whoever uses the slot; NULL: it is idle. */
void neap_slot_set_owner(struct neap_slot *slot, void *owner);
void *neap_slot_owner(const struct neap_slot *slot);
const char *neap_slot_dir(const struct neap_slot *slot);  /* absolute */
const char *neap_slot_work(const struct neap_slot *slot); /* its w */
const char *neap_slot_out(const struct neap_slot *slot);  /* its out */
const char *neap_slot_err(const struct neap_slot *slot);  /* its err */
pid_t neap_slot_pid(const struct neap_slot *slot);        /* of the shim */
struct neap_cgroup *neap_slot_group(struct neap_slot *slot);
/* SLOT/w was made anew, or emptied. */
void neap_slot_set_fresh(struct neap_slot *slot);

/* Set limits and start the program of a RUN message. */
int neap_slot_run(struct neap_slot *slot, const struct neap_msg *run,
                  struct neap_err *err);
/* To every process of the task. */
void neap_slot_signal(struct neap_slot *slot, int signal);

#endif
