/* What engines of this user that were killed have left behind: sockets that
 * nobody listens on, and the folders in the repository that their agents
 * worked in. (Control groups are the business of the next agent.) */
#ifndef NEAP_APP_ENGINE_LEFTOVERS_H
#define NEAP_APP_ENGINE_LEFTOVERS_H

/* Remove them. What cannot be removed stays; the next engine tries again. */
void leftovers_remove(const char *socket_dir, const char *repo);

#endif
