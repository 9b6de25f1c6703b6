/* Memory of sizes that we choose: never NULL, the process aborts when there
 * is none. A size from outside is checked against a limit by the caller. */
#ifndef NEAP_BASE_MEM_H
#define NEAP_BASE_MEM_H

#include <stddef.h>

/* Owned; release with neap_free. A count times a size is checked. */
void *neap_alloc(size_t size);                /* uninitialised */
void *neap_calloc(size_t count, size_t size); /* zeroed */
void *neap_realloc(void *p, size_t count, size_t size);
char *neap_strdup(const char *text); /* NULL gives NULL */
char *neap_strndup(const char *text, size_t length);
char *neap_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void neap_free(void *p); /* NULL is fine */

#define NEAP_NEW(type) ((type *)neap_calloc(1, sizeof(type)))

#define neap_container_of(pointer, type, member) \
 ((type *)((char *)(pointer)-offsetof(type, member)))

#endif
