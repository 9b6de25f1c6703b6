/* Lines that need no shell. */
#ifndef NEAP_SCHED_CMDLINE_H
#define NEAP_SCHED_CMDLINE_H

#include <stdbool.h>

#include "base/buf.h"

/* Split `line` at blanks into words, each terminated by a NUL in `out`.
 * Returns how many, or 0 if the line needs a shell: a character that is
 * special to one, a first word that is a builtin or keyword of bash, an
 * assignment, or nothing at all. Pure. */
int neap_cmdline_split(const char *line, struct neap_buf *out);

/* Is it the shell that lines get when they name none? */
bool neap_cmdline_default_shell(const char *const *shell, int count);

#endif
