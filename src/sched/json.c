#include "sched/json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Does it stand in JSON as it is? (ASCII without controls and escapes) */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7F && c != '"' && c != '\\';
}

static size_t plain_length(const char *text, size_t len)
{
    size_t n = 0;

    while (n < len && is_plain((unsigned char)text[n]))
        n++;
    return n;
}

/* "text" as one piece; nearly all are plain. */
static void put_plain(struct neap_buf *out, const char *text, size_t len)
{
    char *at = neap_buf_reserve(out, len + 2);

    at[0] = '"';
    memcpy(at + 1, text, len);
    at[len + 1] = '"';
    at[len + 2] = '\0';
    out->len += len + 2;
}

static void begin(struct neap_json *json, const char *key)
{
    if (json->comma)
        neap_buf_putc(json->out, ',');
    json->comma = true;
    if (key == NULL)
        return;
    neap_json_strn(&(struct neap_json)NEAP_JSON(json->out), NULL, key,
                   strlen(key));
    neap_buf_putc(json->out, ':');
}

void neap_json_key(struct neap_json *json, const char *key)
{
    begin(json, key);
    json->comma = false;
}

void neap_json_open(struct neap_json *json, const char *key, char bracket)
{
    begin(json, key);
    neap_buf_putc(json->out, bracket);
    json->comma = false;
}

void neap_json_close(struct neap_json *json, char bracket)
{
    neap_buf_putc(json->out, bracket);
    json->comma = true;
}

/* Length of the well-formed UTF-8 sequence at `s`, 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t left)
{
    size_t n;
    unsigned low = 0x80, high = 0xBF;

    if (s[0] >= 0xC2 && s[0] <= 0xDF) {
        n = 2;
    } else if (s[0] >= 0xE0 && s[0] <= 0xEF) {
        n = 3;
        low = s[0] == 0xE0 ? 0xA0 : low;
        high = s[0] == 0xED ? 0x9F : high;
    } else if (s[0] >= 0xF0 && s[0] <= 0xF4) {
        n = 4;
        low = s[0] == 0xF0 ? 0x90 : low;
        high = s[0] == 0xF4 ? 0x8F : high;
    } else {
        return 0;
    }
    if (left < n || s[1] < low || s[1] > high)
        return 0;
    for (size_t i = 2; i < n; i++) {
        if (s[i] < 0x80 || s[i] > 0xBF)
            return 0;
    }
    return n;
}

static void escape(struct neap_buf *out, unsigned char c)
{
    static const char names[] = "btn\0fr"; /* from 8 on; 11 has no name */

    if (c == '"' || c == '\\') {
        neap_buf_putc(out, '\\');
        neap_buf_putc(out, (char)c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        neap_buf_putc(out, '\\');
        neap_buf_putc(out, names[c - 8]);
    } else {
        neap_buf_printf(out, "\\u%04x", c);
    }
}

void neap_json_strn(struct neap_json *json, const char *key, const char *text,
                    size_t len)
{
    const unsigned char *s = (const unsigned char *)text;
    size_t from = 0, at = plain_length(text, len);

    begin(json, key);
    if (at == len) {
        put_plain(json->out, text, len);
        return;
    }
    neap_buf_putc(json->out, '"');
    while (at < len) {
        size_t n = 1;

        if (is_plain(s[at])) {
            at++;
            continue;
        }
        if (s[at] >= 0x80 && (n = utf8_length(s + at, len - at)) > 0) {
            at += n;
            continue;
        }
        neap_buf_append(json->out, s + from, at - from);
        if (s[at] >= 0x80)
            neap_buf_puts(json->out, "\xEF\xBF\xBD");
        else
            escape(json->out, s[at]);
        from = ++at;
    }
    neap_buf_append(json->out, s + from, len - from);
    neap_buf_putc(json->out, '"');
}

void neap_json_str(struct neap_json *json, const char *key, const char *text)
{
    neap_json_strn(json, key, text, strlen(text));
}

/* printf is a tenth of the cost of a row; integers go without it. */
static void put_int(struct neap_buf *out, int64_t value)
{
    char digits[24];
    char *at = digits + sizeof digits;
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    do {
        *--at = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--at = '-';
    neap_buf_append(out, at, (size_t)(digits + sizeof digits - at));
}

void neap_json_int(struct neap_json *json, const char *key, int64_t value)
{
    begin(json, key);
    put_int(json->out, value);
}

void neap_json_big(struct neap_json *json, const char *key, int64_t value)
{
    bool quote =
        value >= INT64_C(100000000000000) || value <= INT64_C(-100000000000000);

    begin(json, key);
    if (quote)
        neap_buf_putc(json->out, '"');
    put_int(json->out, value);
    if (quote)
        neap_buf_putc(json->out, '"');
}

void neap_json_num(struct neap_json *json, const char *key, double value)
{
    begin(json, key);
    if (!isfinite(value))
        neap_buf_puts(json->out, "null");
    else if (fabs(value) < 1e14 && value == (double)(int64_t)value)
        put_int(json->out, (int64_t)value);
    else
        neap_buf_printf(json->out, "%.15g", value);
}

void neap_json_bool(struct neap_json *json, const char *key, bool value)
{
    begin(json, key);
    neap_buf_puts(json->out, value ? "true" : "false");
}

void neap_json_raw(struct neap_json *json, const char *key, const char *text)
{
    begin(json, key);
    neap_buf_puts(json->out, text);
}

void neap_json_micros(struct neap_json *json, const char *key, int64_t us)
{
    char fraction[8] = ".000000";
    size_t len = 7;

    begin(json, key);
    put_int(json->out, us / 1000000);
    for (int i = 6, left = (int)(us % 1000000); i >= 1; i--, left /= 10)
        fraction[i] = (char)('0' + left % 10);
    while (len > 1 && fraction[len - 1] == '0')
        len--;
    neap_buf_append(json->out, fraction, len > 1 ? len : 0);
}

void neap_json_time(struct neap_json *json, const char *key, int64_t wall_ns)
{
    neap_json_micros(json, key, wall_ns / 1000);
}
