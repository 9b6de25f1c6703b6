/* A growing byte buffer, always followed by a NUL that does not count. */
#ifndef NEAP_BASE_BUF_H
#define NEAP_BASE_BUF_H

#include <stddef.h>

struct neap_buf {
    char *data; /* NULL while empty and untouched */
    size_t len, cap;
};

#define NEAP_BUF_INIT \
 {                    \
  NULL, 0, 0          \
 }

void neap_buf_init(struct neap_buf *buf);
void neap_buf_deinit(struct neap_buf *buf);
void neap_buf_clear(struct neap_buf *buf); /* keeps the memory */
/* Room for `more` bytes behind the content; returns where they go. */
char *neap_buf_reserve(struct neap_buf *buf, size_t more);
void neap_buf_append(struct neap_buf *buf, const void *data, size_t len);
void neap_buf_puts(struct neap_buf *buf, const char *text);
void neap_buf_putc(struct neap_buf *buf, char c);
void neap_buf_printf(struct neap_buf *buf, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Drop `n` bytes at the front. */
void neap_buf_consume(struct neap_buf *buf, size_t n);
/* Take the terminated content; the buffer is empty afterwards. Owned. */
char *neap_buf_take(struct neap_buf *buf);

#endif
