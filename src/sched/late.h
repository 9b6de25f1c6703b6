/* Late placeholders: what the client could not know when it rendered a
 * command (docs/design/architecture.md). */
#ifndef NEAP_SCHED_LATE_H
#define NEAP_SCHED_LATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "core/res.h"

#define NEAP_LATE '\001' /* on both sides of a name */

struct neap_late {
    int attempt;
    const struct neap_res *need;      /* borrowed */
    const struct neap_labels *labels; /* borrowed */
};

/* Does `text` hold a placeholder? */
bool neap_late_has(const char *text);
/* Are all placeholders of `text` well-formed and known? Labels that nobody
 * uses yet are unknown. NEAP_EINVAL. */
int neap_late_check(const char *text, const struct neap_labels *labels,
                    struct neap_err *err);
/* Append `text` with its placeholders replaced; `text` has passed the check. */
void neap_late_render(const struct neap_late *late, const char *text,
                      struct neap_buf *out);

#endif
