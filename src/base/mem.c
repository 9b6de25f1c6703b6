/* Memory that is always there: running out of it ends the process, with a
 * line that says how much was asked for. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t count, size_t size)
{
    fprintf(stderr, "neap: out of memory: %zu x %zu bytes\n", count, size);
    abort();
}

void *neap_alloc(size_t size)
{
    void *p = malloc(size != 0 ? size : 1);

    if (p == NULL)
        out_of_memory(1, size);
    return p;
}

void *neap_calloc(size_t count, size_t size)
{
    void *p;

    if (count == 0 || size == 0)
        count = size = 1;
    p = calloc(count, size); /* checks the product */
    if (p == NULL)
        out_of_memory(count, size);
    return p;
}

void *neap_realloc(void *p, size_t count, size_t size)
{
    if (count == 0 || size == 0)
        count = size = 1;
    p = reallocarray(p, count, size); /* checks the product */
    if (p == NULL)
        out_of_memory(count, size);
    return p;
}

char *neap_strdup(const char *text)
{
    return text != NULL ? neap_strndup(text, strlen(text)) : NULL;
}

char *neap_strndup(const char *text, size_t length)
{
    size_t n = strnlen(text, length);
    char *copy;

    if (n == SIZE_MAX)
        out_of_memory(1, n);
    copy = neap_alloc(n + 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}

char *neap_format(const char *format, ...)
{
    char *text = NULL;
    va_list ap;
    int n;

    va_start(ap, format);
    n = vasprintf(&text, format, ap);
    va_end(ap);
    if (n < 0)
        out_of_memory(1, 0);
    return text;
}

void neap_free(void *p)
{
    free(p);
}
