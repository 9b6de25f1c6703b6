/* Memory that lives as long as a run, in which equal things are kept once.
 *
 * A run of 100 000 tasks repeats a handful of environments, labels and output
 * lists; interned, each costs one pointer per task. Nothing is released before
 * the whole store is.
 */
#ifndef NEAP_SCHED_KEEP_H
#define NEAP_SCHED_KEEP_H

#include <stddef.h>

struct neap_keep;

struct neap_keep *neap_keep_create(void);       /* owned */
void neap_keep_destroy(struct neap_keep *keep); /* NULL is fine */

/* The one copy of these bytes, aligned for any type. Structs must have their
 * padding zeroed, or equal ones are kept twice. An empty blob is not NULL. */
const void *neap_keep_bytes(struct neap_keep *keep, const void *data,
                            size_t size);
/* The one copy of a string; NULL gives NULL. Equal strings have equal
 * pointers. */
const char *neap_keep_string(struct neap_keep *keep, const char *text);
/* Memory of its own, zeroed; for what is unlike everything else. */
void *neap_keep_alloc(struct neap_keep *keep, size_t size);
const char *neap_keep_copy(struct neap_keep *keep, const char *text);

size_t neap_keep_used(const struct neap_keep *keep); /* bytes */

#endif
