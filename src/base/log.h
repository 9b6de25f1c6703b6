/* The log: one line per entry, to standard error or to a callback.
 *
 * A line is "2026-01-02T03:04:05.678Z level component: text". The level comes
 * from NEAP_LOG (error, warn, info, debug; default warn) or neap_log_level().
 */
#ifndef NEAP_BASE_LOG_H
#define NEAP_BASE_LOG_H

enum neap_level { NEAP_ERROR, NEAP_WARN, NEAP_INFO, NEAP_DEBUG };

typedef void (*neap_log_fn)(void *ctx, enum neap_level level,
                            const char *component, const char *text);

/* Set up for this process. `component` is borrowed for ever ("engine"). */
void neap_log_init(const char *component);
void neap_log_level(enum neap_level level);
void neap_log_sink(neap_log_fn fn, void *ctx); /* NULL: standard error */
void neap_log(enum neap_level level, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
