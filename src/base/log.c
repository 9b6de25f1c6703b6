/* One process, one log: the only file-global state of the layers. A line is
 * written with one write, so that lines of several processes on one standard
 * error do not mix. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 4096

static const char *const level_name[] = { "error", "warn", "info", "debug" };

static struct {
    const char *component;
    enum neap_level level;
    neap_log_fn fn;
    void *ctx;
} the_log = { "neap", NEAP_WARN, NULL, NULL };

void neap_log_init(const char *component)
{
    const char *wanted = getenv("NEAP_LOG");

    the_log.component = component;
    if (wanted == NULL || wanted[0] == '\0')
        return;
    for (int i = NEAP_ERROR; i <= NEAP_DEBUG; i++) {
        if (strcmp(wanted, level_name[i]) == 0) {
            the_log.level = (enum neap_level)i;
            return;
        }
    }
    neap_log(NEAP_WARN, "NEAP_LOG is '%s'; expected error, warn, info or debug",
             wanted);
}

void neap_log_level(enum neap_level level)
{
    the_log.level = level;
}

void neap_log_sink(neap_log_fn fn, void *ctx)
{
    the_log.fn = fn;
    the_log.ctx = ctx;
}

static void write_line(enum neap_level level, const char *text)
{
    char line[LINE_MAX_BYTES + 128];
    char stamp[32];
    size_t done = 0;
    int n;

    neap_clock_format(neap_clock_wall_ns(), stamp);
    n = snprintf(line, sizeof(line), "%s %s %s: %s\n", stamp, level_name[level],
                 the_log.component, text);
    if (n >= (int)sizeof(line)) {
        n = sizeof(line) - 1;
        line[n - 1] = '\n';
    }
    while (done < (size_t)n) {
        ssize_t rc = write(STDERR_FILENO, line + done, (size_t)n - done);

        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0)
            return; /* nobody is left who could be told */
        done += (size_t)rc;
    }
}

void neap_log(enum neap_level level, const char *format, ...)
{
    int saved = errno;
    char text[LINE_MAX_BYTES];
    va_list ap;

    if (level > the_log.level)
        return;
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    if (the_log.fn != NULL)
        the_log.fn(the_log.ctx, level, the_log.component, text);
    else
        write_line(level, text);
    errno = saved; /* logging in the middle of handling one is fine */
}
