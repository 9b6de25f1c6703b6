/* Time. Code below `io` takes `now_ns` as an argument and never reads it. */
#ifndef NEAP_BASE_CLOCK_H
#define NEAP_BASE_CLOCK_H

#include <stdint.h>

#define NEAP_SEC   INT64_C(1000000000)
#define NEAP_MSEC  INT64_C(1000000)
#define NEAP_USEC  INT64_C(1000)
#define NEAP_NEVER INT64_MAX

int64_t neap_clock_mono_ns(void); /* CLOCK_MONOTONIC */
int64_t neap_clock_wall_ns(void); /* Unix time */

/* RFC 3339 UTC with milliseconds into `out` (at least 32 bytes). */
void neap_clock_format(int64_t wall_ns, char out[32]);

#endif
