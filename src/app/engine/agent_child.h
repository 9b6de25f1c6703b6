/* The agent of this machine: a child that is started again when it dies. */
#ifndef NEAP_APP_ENGINE_AGENT_CHILD_H
#define NEAP_APP_ENGINE_AGENT_CHILD_H

#include <uv.h>

#include "app/engine/config.h"

struct agent_child;

/* `hopeless`: it has died again and again within seconds; it is not started
 * any more. `ended`: after agent_child_stop. Strings are borrowed. */
struct agent_child *agent_child_start(
    uv_loop_t *loop, const struct config *config, const char *agent_socket,
    void (*hopeless)(void *ctx, const char *why), void *ctx);
/* It is told by its connection to end; do not start it again, and kill it
 * after a while. `ended` is called when it is gone, maybe at once. */
void agent_child_stop(struct agent_child *child, void (*ended)(void *ctx));
/* Freed by the loop. */
void agent_child_close(struct agent_child *child);

#endif
