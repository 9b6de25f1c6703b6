#include <string.h>

#include "base/mem.h"
#include "core/policy.h"

#define FIRST_CAP 64

struct neap_plan_line *neap_plan_add(struct neap_plan *plan)
{
    struct neap_plan_line *line;

    if (plan->count >= NEAP_PLAN_LINES_MAX)
        return NULL;
    if (plan->count == plan->cap) {
        plan->cap = plan->cap > 0 ? plan->cap * 2 : FIRST_CAP;
        plan->line =
            neap_realloc(plan->line, (size_t)plan->cap, sizeof(*plan->line));
    }
    line = &plan->line[plan->count++];
    memset(line, 0, sizeof(*line));
    return line;
}

void neap_plan_deinit(struct neap_plan *plan)
{
    neap_free(plan->line);
    *plan = (struct neap_plan){ NULL, 0, 0 };
}
