/* The last lines of a text, for an error message. */
#ifndef NEAP_CLUSTER_TAIL_H
#define NEAP_CLUSTER_TAIL_H

#include <stdbool.h>
#include <stddef.h>

#define NEAP_TAIL_BYTES 4096
#define NEAP_TAIL_LINES 20

/* The last NEAP_TAIL_LINES lines of data[0..len), at most NEAP_TAIL_BYTES.
 * `cut`: data is not the beginning of the text, so that its first line may be
 * half a line. Bytes that are not UTF-8 become '?'. Owned; NULL if there is
 * nothing. */
char *neap_tail(const char *data, size_t len, bool cut);
/* The same of a file; NULL if it cannot be read. */
char *neap_tail_file(const char *path);

#endif
