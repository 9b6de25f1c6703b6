#include "cluster/slots.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

void neap_slots_init(struct neap_slots *slots,
                     const struct neap_slot_options *options)
{
    memset(slots, 0, sizeof *slots);
    slots->options = *options;
}

void neap_slots_deinit(struct neap_slots *slots)
{
    for (int i = 0; i < slots->count; i++)
        neap_slot_hang_up(slots->all[i]);
    for (int i = 0; i < slots->count; i++)
        neap_slot_close(slots->all[i]);
    neap_free(slots->all);
    memset(slots, 0, sizeof *slots);
}

static void swap(struct neap_slots *slots, int i, int k)
{
    struct neap_slot *slot = slots->all[i];

    slots->all[i] = slots->all[k];
    slots->all[k] = slot;
}

static int find(const struct neap_slots *slots, const struct neap_slot *slot)
{
    int i = 0;

    while (slots->all[i] != slot) {
        i++;
        assert(i < slots->count);
    }
    return i;
}

int neap_slots_take(struct neap_slots *slots, struct neap_slot **ret,
                    struct neap_err *err)
{
    int rc;

    if (slots->nidle > 0) {
        *ret = slots->all[--slots->nidle];
        return 0;
    }
    if (slots->count >= NEAP_SLOTS_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "%d tasks are running here; no more are taken",
                            slots->count);
    rc = neap_slot_open(&slots->options, slots->next_number, ret, err);
    if (rc < 0)
        return rc;
    slots->next_number++;
    if (slots->count == slots->room) {
        slots->room = slots->room > 0 ? 2 * slots->room : 8;
        slots->all =
            neap_realloc(slots->all, (size_t)slots->room, sizeof *slots->all);
    }
    slots->all[slots->count++] = *ret;
    return 0;
}

void neap_slots_give(struct neap_slots *slots, struct neap_slot *slot)
{
    int i = find(slots, slot);

    assert(i >= slots->nidle);
    swap(slots, i, slots->nidle++);
}

void neap_slots_drop(struct neap_slots *slots, struct neap_slot *slot)
{
    int i = find(slots, slot);

    if (i < slots->nidle) {
        swap(slots, i, --slots->nidle);
        i = slots->nidle;
    }
    swap(slots, i, --slots->count);
    neap_slot_close(slot);
}

bool neap_slots_has_pid(const struct neap_slots *slots, pid_t pid)
{
    for (int i = 0; i < slots->count; i++) {
        if (neap_slot_pid(slots->all[i]) == pid)
            return true;
    }
    return false;
}
