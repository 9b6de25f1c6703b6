/* All processes below this one. */
#ifndef NEAP_SHIM_TREE_H
#define NEAP_SHIM_TREE_H

/* Send `signal` to every descendant, parents first. Returns how many there
 * were. */
int neap_shim_tree_signal(int signal);

#endif
