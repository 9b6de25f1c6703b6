/* The agent's connection to its engine: dials, says hello, redials. */
#ifndef NEAP_CLUSTER_LINK_H
#define NEAP_CLUSTER_LINK_H

#include <uv.h>

#include "cluster/wire.h"

struct neap_link;

struct neap_link_cbs {
    /* Fill the HELLO message; its strings are borrowed until the return. */
    void (*hello)(void *ctx, struct neap_msg *msg);
    /* A message; the receiver may move it away. Not before hello. */
    void (*message)(void *ctx, struct neap_msg *msg);
    /* The connection has ended, or could not be made. Returns whether to dial
     * again (after a growing pause). `welcomed`: WELCOME had been received. */
    bool (*down)(void *ctx, bool welcomed, const struct neap_err *why);
};

/* Starts to dial. `socket` is borrowed. Owned. */
struct neap_link *neap_link_open(uv_loop_t *loop, const char *socket,
                                 const struct neap_link_cbs *cbs, void *ctx);
void neap_link_close(struct neap_link *link); /* NULL is fine */

/* Send with everything else of this turn of the loop. While the link is down
 * messages are kept for the next engine, up to a limit. */
void neap_link_send(struct neap_link *link, const struct neap_msg *msg);
/* Send soon: with the next neap_link_send, or some milliseconds later. */
void neap_link_send_lazy(struct neap_link *link, const struct neap_msg *msg);

#endif
