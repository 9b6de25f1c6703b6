/* Writing JSON into a buffer. Rows are written by the ten thousand, so there
 * is no tree in between. Commas are put by themselves; nesting is the
 * caller's. Bytes that are no UTF-8 become U+FFFD.
 */
#ifndef NEAP_SCHED_JSON_H
#define NEAP_SCHED_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct neap_json {
    struct neap_buf *out; /* borrowed */
    bool comma;           /* the next value needs one before it */
};

#define NEAP_JSON(buf) \
 {                     \
  (buf), false         \
 }

/* `key` NULL: an element of an array, or the value behind neap_json_key. */
void neap_json_key(struct neap_json *json, const char *key);
void neap_json_open(struct neap_json *json, const char *key, char bracket);
void neap_json_close(struct neap_json *json, char bracket); /* '}' or ']' */
void neap_json_str(struct neap_json *json, const char *key, const char *text);
void neap_json_strn(struct neap_json *json, const char *key, const char *text,
                    size_t len);
void neap_json_int(struct neap_json *json, const char *key, int64_t value);
/* As a string from 1e14 on: Lua's JSON reader keeps 14 digits. */
void neap_json_big(struct neap_json *json, const char *key, int64_t value);
/* NaN and infinities become null. */
void neap_json_num(struct neap_json *json, const char *key, double value);
void neap_json_bool(struct neap_json *json, const char *key, bool value);
/* Text that is JSON already. */
void neap_json_raw(struct neap_json *json, const char *key, const char *text);
/* Seconds from microseconds, which are not negative. */
void neap_json_micros(struct neap_json *json, const char *key, int64_t us);
/* Wall time as Unix seconds with microseconds. */
void neap_json_time(struct neap_json *json, const char *key, int64_t wall_ns);

#endif
