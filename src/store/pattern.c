#include "store/pattern.h"

#include <string.h>

/* Behind the ']' of a set that begins at `at`; NULL if it has no end: then
 * '[' means itself. */
static const char *set_end(const char *at, const char *end)
{
    at++;
    if (at < end && (*at == '!' || *at == '^'))
        at++;
    if (at < end && *at == ']')
        at++;
    while (at < end && *at != ']')
        at++;
    return at < end ? at + 1 : NULL;
}

static bool in_set(const char *at, const char *end, unsigned char c)
{
    const unsigned char *p = (const unsigned char *)at + 1;
    const unsigned char *stop = (const unsigned char *)end - 1;
    bool negated = *p == '!' || *p == '^';
    bool hit = false;

    for (p += negated; p < stop; p++) {
        if (p + 2 < stop && p[1] == '-') {
            hit |= p[0] <= c && c <= p[2];
            p += 2;
        } else {
            hit |= *p == c;
        }
    }
    return hit != negated;
}

static const char *next_character(const char *name)
{
    name++;
    while ((*name & 0xC0) == 0x80)
        name++;
    return name;
}

/* One step of the pattern that is no star; false if it does not fit. */
static bool step(const char **at, const char *end, const char **name)
{
    const char *behind;

    if (**name == '\0')
        return false;
    if (**at == '?') {
        *at += 1;
        *name = next_character(*name);
        return true;
    }
    behind = **at == '[' ? set_end(*at, end) : NULL;
    if (behind != NULL) {
        if (!in_set(*at, behind, (unsigned char)**name))
            return false;
        *at = behind;
    } else {
        if (**at != **name)
            return false;
        *at += 1;
    }
    *name += 1;
    return true;
}

/* Going back to the last star is enough: what an earlier one could take, the
 * last one can take too. So it is n * m at worst. */
bool neap_pattern_match(const char *part, size_t n, const char *name)
{
    const char *at = part, *end = part + n;
    const char *star = NULL, *retry = NULL;

    if (name[0] == '.' && (n == 0 || part[0] != '.'))
        return false;
    while (at < end || *name != '\0') {
        if (at < end && *at == '*') {
            star = ++at;
            retry = name;
        } else if (at >= end || !step(&at, end, &name)) {
            if (star == NULL || *retry == '\0')
                return false;
            at = star;
            name = ++retry;
        }
    }
    return true;
}

bool neap_pattern_special(const char *part, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (part[i] == '*' || part[i] == '?' || part[i] == '[')
            return true;
    }
    return false;
}

size_t neap_pattern_root(const char *pattern)
{
    size_t special = strcspn(pattern, "*?[");

    while (special > 0 && pattern[special] != '/')
        special--;
    return special;
}
