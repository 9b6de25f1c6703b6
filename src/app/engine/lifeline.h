/* Descriptor 3: the end of a socketpair whose other end the client holds. Its
 * end of file says that the client is gone, whatever became of it. */
#ifndef NEAP_APP_ENGINE_LIFELINE_H
#define NEAP_APP_ENGINE_LIFELINE_H

#include <uv.h>

#include "base/err.h"

struct lifeline;

/* NULL if the descriptor is not open. `over`: once, at the end of file. */
struct lifeline *lifeline_open(uv_loop_t *loop, int fd, void (*over)(void *ctx),
                               void *ctx);
void lifeline_close(struct lifeline *line); /* NULL is fine */

/* Write one line; before there is a loop, too. */
void lifeline_write(int fd, const char *text);

#endif
