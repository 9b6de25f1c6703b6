#include "cluster/lease.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"

void neap_leases_init(struct neap_leases *leases)
{
    memset(leases, 0, sizeof *leases);
    neap_labels_init(&leases->labels);
}

void neap_leases_deinit(struct neap_leases *leases)
{
    while (leases->first != NULL)
        neap_leases_free(leases, leases->first);
    neap_labels_deinit(&leases->labels);
}

int neap_leases_amounts(struct neap_leases *leases,
                        const struct neap_wire_amount *amount, int count,
                        struct neap_res *ret, struct neap_err *err)
{
    struct neap_res res = { { 0 } };

    for (int i = 0; i < count; i++) {
        int label = neap_labels_intern(&leases->labels, amount[i].label, err);

        if (label < 0)
            return label;
        if (amount[i].amount < 0)
            return neap_err_set(err, NEAP_EINVAL, "a negative amount of '%s'",
                                amount[i].label);
        res.v[label] = amount[i].amount;
    }
    *ret = res;
    return 0;
}

/* "…needs {…}; … has {…} left" */
static int too_much(const struct neap_leases *leases, const char *who,
                    const struct neap_res *need, const struct neap_res *total,
                    const struct neap_res *used, struct neap_err *err)
{
    struct neap_buf wanted = NEAP_BUF_INIT, free_text = NEAP_BUF_INIT;
    struct neap_res left = *total;
    int rc;

    neap_res_sub(&left, used);
    neap_res_format(&leases->labels, need, &wanted);
    neap_res_format(&leases->labels, &left, &free_text);
    rc = neap_err_set(err, NEAP_EEXHAUSTED, "%s has %s left, not %s", who,
                      free_text.data, wanted.data);
    neap_buf_deinit(&wanted);
    neap_buf_deinit(&free_text);
    return rc;
}

static bool fits(const struct neap_res *total, const struct neap_res *used,
                 const struct neap_res *need)
{
    struct neap_res left = *total;

    neap_res_sub(&left, used);
    return neap_res_fits(&left, need);
}

struct neap_lease *neap_leases_find(struct neap_leases *leases,
                                    const char *alloc)
{
    struct neap_lease *lease = leases->first;

    while (lease != NULL && strcmp(lease->alloc, alloc) != 0)
        lease = lease->next;
    return lease;
}

static int add_lease(struct neap_leases *leases, const struct neap_msg *msg,
                     struct neap_lease **ret, struct neap_err *err)
{
    struct neap_lease *lease;
    struct neap_res need;
    int rc =
        neap_leases_amounts(leases, msg->capacity, msg->ncapacity, &need, err);

    if (rc < 0)
        return rc;
    if (leases->count >= NEAP_LEASES_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED, "there are %d allocs here",
                            leases->count);
    if (!fits(&leases->capacity, &leases->reserved, &need))
        return too_much(leases, "the node", &need, &leases->capacity,
                        &leases->reserved, err);
    lease = NEAP_NEW(struct neap_lease);
    lease->alloc = neap_strdup(msg->alloc);
    lease->total = need;
    lease->next = leases->first;
    leases->first = lease;
    leases->count++;
    neap_res_add(&leases->reserved, &need);
    *ret = lease;
    return 0;
}

int neap_leases_grant(struct neap_leases *leases, const struct neap_msg *msg,
                      int64_t now_ns, struct neap_lease **ret,
                      struct neap_err *err)
{
    struct neap_lease *lease = neap_leases_find(leases, msg->alloc);
    double lease_ns = msg->lease_s * (double)NEAP_SEC;
    int rc = lease != NULL ? 0 : add_lease(leases, msg, &lease, err);

    if (rc < 0)
        return rc;
    if (lease->ending)
        return neap_err_set(err, NEAP_EUNAVAILABLE, "alloc %s is being freed",
                            lease->alloc);
    lease->until_ns = lease_ns < (double)(NEAP_NEVER - now_ns)
                          ? now_ns + (int64_t)lease_ns
                          : NEAP_NEVER;
    *ret = lease;
    return 0;
}

void neap_leases_free(struct neap_leases *leases, struct neap_lease *lease)
{
    struct neap_lease **at = &leases->first;

    while (*at != lease)
        at = &(*at)->next;
    *at = lease->next;
    leases->count--;
    neap_res_sub(&leases->reserved, &lease->total);
    neap_free(lease->alloc);
    neap_free(lease);
}

struct neap_lease *neap_leases_expired(struct neap_leases *leases,
                                       int64_t now_ns)
{
    struct neap_lease *lease = leases->first;

    while (lease != NULL && (lease->ending || lease->until_ns > now_ns))
        lease = lease->next;
    return lease;
}

int neap_lease_take(struct neap_leases *leases, struct neap_lease *lease,
                    const struct neap_res *need, struct neap_err *err)
{
    if (lease->ending)
        return neap_err_set(err, NEAP_EUNAVAILABLE, "alloc %s is being freed",
                            lease->alloc);
    if (!fits(&lease->total, &lease->used, need)) {
        char who[160];

        snprintf(who, sizeof who, "alloc %s", lease->alloc);
        return too_much(leases, who, need, &lease->total, &lease->used, err);
    }
    neap_res_add(&lease->used, need);
    lease->tasks++;
    return 0;
}

void neap_lease_give(struct neap_lease *lease, const struct neap_res *need)
{
    neap_res_sub(&lease->used, need);
    lease->tasks--;
}
