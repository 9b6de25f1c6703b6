/* All slots of an agent: idle ones are used again. */
#ifndef NEAP_CLUSTER_SLOTS_H
#define NEAP_CLUSTER_SLOTS_H

#include "cluster/slot.h"

struct neap_slots {
    struct neap_slot_options options;
    struct neap_slot **all; /* idle ones first, the last used last */
    int nidle, count, room;
    int next_number;
};

#define NEAP_SLOTS_MAX 4096

void neap_slots_init(struct neap_slots *slots,
                     const struct neap_slot_options *options);
void neap_slots_deinit(struct neap_slots *slots); /* closes all */
/* An idle slot or a new one. */
int neap_slots_take(struct neap_slots *slots, struct neap_slot **ret,
                    struct neap_err *err);
void neap_slots_give(struct neap_slots *slots, struct neap_slot *slot);
/* Close one, idle or not. */
void neap_slots_drop(struct neap_slots *slots, struct neap_slot *slot);
bool neap_slots_has_pid(const struct neap_slots *slots, pid_t pid);

#endif
