/* Errors: a kind, and a sentence for the person concerned.
 *
 * Functions return 0 or a count, or a negative code; the code of a kind is
 * NEAP_E<KIND>. The last parameter, `struct neap_err *err`, may be NULL.
 */
#ifndef NEAP_BASE_ERR_H
#define NEAP_BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>

/* Kinds and their classes (transient, restartable, non-retryable): the table
 * of docs/design/errors.md. */
enum neap_kind {
    NEAP_KIND_OTHER,
    NEAP_KIND_CANCELED,
    NEAP_KIND_TIMEOUT,
    NEAP_KIND_TEMPORARY,
    NEAP_KIND_NOT_EXIST,
    NEAP_KIND_NOT_ALLOWED,
    NEAP_KIND_NOT_SUPPORTED,
    NEAP_KIND_TOO_MANY_TRIES,
    NEAP_KIND_INTEGRITY,
    NEAP_KIND_RESOURCES_EXHAUSTED,
    NEAP_KIND_EVAL,
    NEAP_KIND_UNAVAILABLE,
    NEAP_KIND_FATAL,
    NEAP_KIND_INVALID,
    NEAP_KIND_NET,
    NEAP_KIND_PRECONDITION,
    NEAP_KIND_OOM,
    NEAP_KIND_MODULE,
    NEAP_KIND_EXEC,
    NEAP_KINDS /* how many */
};

/* Codes returned by functions. Never 0, never a libuv code. */
enum {
    NEAP_EOTHER = -10000 - NEAP_KIND_OTHER,
    NEAP_ECANCELED = -10000 - NEAP_KIND_CANCELED,
    NEAP_ETIMEOUT = -10000 - NEAP_KIND_TIMEOUT,
    NEAP_ETEMPORARY = -10000 - NEAP_KIND_TEMPORARY,
    NEAP_ENOTEXIST = -10000 - NEAP_KIND_NOT_EXIST,
    NEAP_ENOTALLOWED = -10000 - NEAP_KIND_NOT_ALLOWED,
    NEAP_ENOTSUPPORTED = -10000 - NEAP_KIND_NOT_SUPPORTED,
    NEAP_ETOOMANYTRIES = -10000 - NEAP_KIND_TOO_MANY_TRIES,
    NEAP_EINTEGRITY = -10000 - NEAP_KIND_INTEGRITY,
    NEAP_EEXHAUSTED = -10000 - NEAP_KIND_RESOURCES_EXHAUSTED,
    NEAP_EEVAL = -10000 - NEAP_KIND_EVAL,
    NEAP_EUNAVAILABLE = -10000 - NEAP_KIND_UNAVAILABLE,
    NEAP_EFATAL = -10000 - NEAP_KIND_FATAL,
    NEAP_EINVAL = -10000 - NEAP_KIND_INVALID,
    NEAP_ENET = -10000 - NEAP_KIND_NET,
    NEAP_EPRECONDITION = -10000 - NEAP_KIND_PRECONDITION,
    NEAP_EOOM = -10000 - NEAP_KIND_OOM,
    NEAP_EMODULE = -10000 - NEAP_KIND_MODULE,
    NEAP_EEXEC = -10000 - NEAP_KIND_EXEC
};

#define NEAP_ERR_TEXT 1024

struct neap_err {
    enum neap_kind kind;
    char text[NEAP_ERR_TEXT]; /* always terminated; cut if longer */
};

/* Fill `err` (unless NULL) with a printf-style sentence. Returns `code`, which
 * must be one of NEAP_E…, so that failing is one line. */
int neap_err_set(struct neap_err *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same from an errno value: kind by errno (ENOENT: NotExist, EACCES:
 * NotAllowed, ENOSPC: ResourcesExhausted, …), ": strerror" appended. Returns
 * the code. */
int neap_err_errno(struct neap_err *err, int number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Put "prefix: " before the text that `err` holds. */
void neap_err_prefix(struct neap_err *err, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

enum neap_kind neap_err_kind(int code); /* OTHER for foreign codes */
int neap_err_code(enum neap_kind kind);
const char *neap_kind_name(enum neap_kind kind); /* "NotExist", "OOM", … */
const char *neap_kind_text(enum neap_kind kind); /* "out of memory", … */
/* -1 if `name` is no kind. */
int neap_kind_parse(const char *name);

bool neap_kind_transient(enum neap_kind kind);
bool neap_kind_non_retryable(enum neap_kind kind);

#endif
