#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct kind_info {
    const char *name;
    const char *text;
    bool transient;
    bool non_retryable;
};

static const struct kind_info kinds[NEAP_KINDS] = {
    [NEAP_KIND_OTHER] = { "Other", "unknown error", false, false },
    [NEAP_KIND_CANCELED] = { "Canceled", "canceled", false, false },
    [NEAP_KIND_TIMEOUT] = { "Timeout", "timeout", true, false },
    [NEAP_KIND_TEMPORARY] = { "Temporary", "temporary", true, false },
    [NEAP_KIND_NOT_EXIST] = { "NotExist", "resource does not exist", false,
                              true },
    [NEAP_KIND_NOT_ALLOWED] = { "NotAllowed", "access denied", false, false },
    [NEAP_KIND_NOT_SUPPORTED] = { "NotSupported", "operation not supported",
                                  false, true },
    [NEAP_KIND_TOO_MANY_TRIES] = { "TooManyTries", "too many tries", true,
                                   false },
    [NEAP_KIND_INTEGRITY] = { "Integrity", "integrity error", false, false },
    [NEAP_KIND_RESOURCES_EXHAUSTED] = { "ResourcesExhausted",
                                        "resources exhausted", false, false },
    [NEAP_KIND_EVAL] = { "Eval", "evaluation error", false, false },
    [NEAP_KIND_UNAVAILABLE] = { "Unavailable", "unavailable", true, false },
    [NEAP_KIND_FATAL] = { "Fatal", "fatal", false, true },
    [NEAP_KIND_INVALID] = { "Invalid", "invalid", false, true },
    [NEAP_KIND_NET] = { "Net", "network error", false, false },
    [NEAP_KIND_PRECONDITION] = { "Precondition", "precondition was not met",
                                 false, false },
    [NEAP_KIND_OOM] = { "OOM", "out of memory", false, false },
    [NEAP_KIND_MODULE] = { "Module", "module", false, true },
    [NEAP_KIND_EXEC] = { "Exec", "command failed", false, true },
};

static enum neap_kind kind_of_errno(int number)
{
    switch (number) {
    case ENOENT:
    case ESRCH:
    case ENXIO:
    case ENODEV:
        return NEAP_KIND_NOT_EXIST;
    case EACCES:
    case EPERM:
    case EROFS:
        return NEAP_KIND_NOT_ALLOWED;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
        return NEAP_KIND_RESOURCES_EXHAUSTED;
    case ENOMEM:
        return NEAP_KIND_OOM;
    case EINVAL:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
    case ELOOP:
    case E2BIG:
        return NEAP_KIND_INVALID;
    case ENOSYS:
    case EOPNOTSUPP:
    case EXDEV:
        return NEAP_KIND_NOT_SUPPORTED;
    case ETIMEDOUT:
        return NEAP_KIND_TIMEOUT;
    case EAGAIN:
    case EINTR:
    case EBUSY:
        return NEAP_KIND_TEMPORARY;
    case ECANCELED:
        return NEAP_KIND_CANCELED;
    case EEXIST:
    case ENOTEMPTY:
        return NEAP_KIND_PRECONDITION;
    case ECONNREFUSED:
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENOTCONN:
        return NEAP_KIND_NET;
    default:
        return NEAP_KIND_OTHER;
    }
}

int neap_err_set(struct neap_err *err, int code, const char *format, ...)
{
    struct neap_err made; /* arguments may point into `err` */
    va_list ap;

    if (err == NULL)
        return code;
    made.kind = neap_err_kind(code);
    va_start(ap, format);
    (void)vsnprintf(made.text, sizeof(made.text), format, ap);
    va_end(ap);
    *err = made;
    return code;
}

int neap_err_errno(struct neap_err *err, int number, const char *format, ...)
{
    enum neap_kind kind = kind_of_errno(number);
    char text[NEAP_ERR_TEXT];
    char reason[128];
    va_list ap;

    if (err == NULL)
        return neap_err_code(kind);
    va_start(ap, format);
    (void)vsnprintf(text, sizeof(text), format, ap);
    va_end(ap);
    return neap_err_set(err, neap_err_code(kind), "%s: %s", text,
                        strerror_r(number, reason, sizeof(reason)));
}

void neap_err_prefix(struct neap_err *err, const char *format, ...)
{
    char prefix[NEAP_ERR_TEXT];
    va_list ap;

    if (err == NULL)
        return;
    va_start(ap, format);
    (void)vsnprintf(prefix, sizeof(prefix), format, ap);
    va_end(ap);
    (void)neap_err_set(err, neap_err_code(err->kind), "%s: %s", prefix,
                       err->text);
}

enum neap_kind neap_err_kind(int code)
{
    int kind = -10000 - code;

    return kind > 0 && kind < NEAP_KINDS ? (enum neap_kind)kind
                                         : NEAP_KIND_OTHER;
}

int neap_err_code(enum neap_kind kind)
{
    return -10000 - (int)kind;
}

const char *neap_kind_name(enum neap_kind kind)
{
    return kinds[kind].name;
}

const char *neap_kind_text(enum neap_kind kind)
{
    return kinds[kind].text;
}

int neap_kind_parse(const char *name)
{
    for (int i = 0; i < NEAP_KINDS; i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    }
    return -1;
}

bool neap_kind_transient(enum neap_kind kind)
{
    return kinds[kind].transient;
}

bool neap_kind_non_retryable(enum neap_kind kind)
{
    return kinds[kind].non_retryable;
}
