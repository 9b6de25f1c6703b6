#include "base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define FIRST_CAP 64

void neap_buf_init(struct neap_buf *buf)
{
    *buf = (struct neap_buf)NEAP_BUF_INIT;
}

void neap_buf_deinit(struct neap_buf *buf)
{
    neap_free(buf->data);
    neap_buf_init(buf);
}

void neap_buf_clear(struct neap_buf *buf)
{
    buf->len = 0;
    if (buf->data != NULL)
        buf->data[0] = '\0';
}

char *neap_buf_reserve(struct neap_buf *buf, size_t more)
{
    size_t cap = buf->cap != 0 ? buf->cap : FIRST_CAP;
    size_t need;

    assert(more < SIZE_MAX / 4 - buf->len);
    need = buf->len + more + 1; /* the NUL */
    if (need <= buf->cap)
        return buf->data + buf->len;
    while (cap < need)
        cap *= 2;
    buf->data = neap_realloc(buf->data, cap, 1);
    buf->cap = cap;
    buf->data[buf->len] = '\0';
    return buf->data + buf->len;
}

void neap_buf_append(struct neap_buf *buf, const void *data, size_t len)
{
    char *at = neap_buf_reserve(buf, len);

    if (len != 0)
        memcpy(at, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
}

void neap_buf_puts(struct neap_buf *buf, const char *text)
{
    neap_buf_append(buf, text, strlen(text));
}

void neap_buf_putc(struct neap_buf *buf, char c)
{
    char *at = neap_buf_reserve(buf, 1);

    at[0] = c;
    at[1] = '\0';
    buf->len++;
}

void neap_buf_printf(struct neap_buf *buf, const char *format, ...)
{
    size_t room = FIRST_CAP;
    va_list ap;
    int n;

    for (;;) {
        char *at = neap_buf_reserve(buf, room);

        va_start(ap, format);
        n = vsnprintf(at, room + 1, format, ap);
        va_end(ap);
        assert(n >= 0); /* only a bad format of ours can fail */
        if ((size_t)n <= room)
            break;
        room = (size_t)n;
    }
    buf->len += (size_t)n;
}

void neap_buf_consume(struct neap_buf *buf, size_t n)
{
    assert(n <= buf->len);
    if (n == 0)
        return;
    buf->len -= n;
    memmove(buf->data, buf->data + n, buf->len + 1);
}

char *neap_buf_take(struct neap_buf *buf)
{
    char *data;

    neap_buf_reserve(buf, 0);
    data = buf->data;
    neap_buf_init(buf);
    return data;
}
