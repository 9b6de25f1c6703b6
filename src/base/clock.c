#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec ts;

    (void)clock_gettime(id, &ts); /* cannot fail for these clocks */
    return (int64_t)ts.tv_sec * NEAP_SEC + ts.tv_nsec;
}

int64_t neap_clock_mono_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t neap_clock_wall_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

void neap_clock_format(int64_t wall_ns, char out[32])
{
    int64_t rest_ns = wall_ns % NEAP_SEC;
    time_t seconds = (time_t)(wall_ns / NEAP_SEC);
    struct tm tm;
    size_t n;

    if (rest_ns < 0) { /* before 1970: round towards the past */
        rest_ns += NEAP_SEC;
        seconds -= 1;
    }
    (void)gmtime_r(&seconds, &tm); /* 64 bits of ns end in the year 2262 */
    n = strftime(out, 32, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + n, 32 - n, ".%03dZ", (int)(rest_ns / NEAP_MSEC));
}
