#include "app/engine/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

void reply_init(struct reply *reply)
{
    memset(reply, 0, sizeof *reply);
    reply->status = 200;
    reply->type = "application/json";
}

struct neap_json reply_document(struct reply *reply, const char *schema)
{
    struct neap_json json = NEAP_JSON(&reply->body);

    neap_json_open(&json, NULL, '{');
    neap_json_str(&json, "schema", schema);
    return json;
}

void reply_fault(struct reply *reply, int status,
                 const struct reply_fault *fault, const char *message)
{
    struct neap_json json = NEAP_JSON(&reply->body);

    reply->status = status;
    neap_buf_clear(&reply->body);
    neap_json_open(&json, NULL, '{');
    neap_json_open(&json, "error", '{');
    neap_json_str(&json, "kind", fault->kind);
    neap_json_str(&json, "message", message);
    if (fault->field != NULL && fault->field[0] != '\0')
        neap_json_str(&json, "field", fault->field);
    if (fault->index >= 0)
        neap_json_int(&json, "index", fault->index);
    neap_json_close(&json, '}');
    neap_json_close(&json, '}');
}

void reply_error(struct reply *reply, int status, const char *kind,
                 const char *format, ...)
{
    struct reply_fault fault = { kind, NULL, -1 };
    char text[NEAP_ERR_TEXT];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reply_fault(reply, status, &fault, text);
}
