/* Leases: which alloc has reserved what of this node, and until when. */
#ifndef NEAP_CLUSTER_LEASE_H
#define NEAP_CLUSTER_LEASE_H

#include "cluster/wire.h"
#include "core/res.h"

#define NEAP_LEASES_MAX 4096

struct neap_lease {
    char *alloc;
    struct neap_res total, used;
    int64_t until_ns; /* monotonic */
    int tasks;        /* takes less gives */
    bool ending;      /* no more takes; freed when tasks is 0 */
    struct neap_lease *next;
};

struct neap_leases {
    struct neap_labels labels;
    struct neap_res capacity, reserved;
    struct neap_lease *first;
    int count;
};

void neap_leases_init(struct neap_leases *leases);
void neap_leases_deinit(struct neap_leases *leases);

/* Amounts as in messages → by label. NEAP_EINVAL: bad label or amount. */
int neap_leases_amounts(struct neap_leases *leases,
                        const struct neap_wire_amount *amount, int count,
                        struct neap_res *ret, struct neap_err *err);

/* Reserve for a new alloc, or prolong one (its amounts stay then). Returns 0,
 * or NEAP_EEXHAUSTED if it does not fit beside the others. */
int neap_leases_grant(struct neap_leases *leases, const struct neap_msg *msg,
                      int64_t now_ns, struct neap_lease **ret,
                      struct neap_err *err);
struct neap_lease *neap_leases_find(struct neap_leases *leases,
                                    const char *alloc);
/* The lease is gone afterwards; nobody may use it any more. */
void neap_leases_free(struct neap_leases *leases, struct neap_lease *lease);
/* One that has run out and is not ending yet, or NULL. */
struct neap_lease *neap_leases_expired(struct neap_leases *leases,
                                       int64_t now_ns);

/* Use part of a lease: NEAP_EEXHAUSTED if it has not so much left. */
int neap_lease_take(struct neap_leases *leases, struct neap_lease *lease,
                    const struct neap_res *need, struct neap_err *err);
void neap_lease_give(struct neap_lease *lease, const struct neap_res *need);

#endif
