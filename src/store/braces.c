/* The first pair that has a comma is replaced by each of its choices, and what
 * comes of it is looked at again behind what is settled. */
#include "store/braces.h"

#include <string.h>

#include "base/mem.h"

#define MOST    10000
#define LONGEST ((size_t)64 << 10)

struct pair {
    const char *open, *close;
};

/* The '}' that belongs to the '{' at `open`; NULL if there is none, or no
 * comma between them. */
static const char *find_close(const char *open)
{
    bool comma = false;
    int depth = 0;

    for (const char *at = open; *at != '\0'; at++) {
        if (*at == '{')
            depth++;
        else if (*at == '}' && --depth == 0)
            return comma ? at : NULL;
        else if (*at == ',' && depth == 1)
            comma = true;
    }
    return NULL;
}

static bool find_pair(const char *text, struct pair *ret)
{
    for (const char *at = strchr(text, '{'); at != NULL;
         at = strchr(at + 1, '{')) {
        ret->open = at;
        ret->close = find_close(at);
        if (ret->close != NULL)
            return true;
    }
    return false;
}

/* The end of the choice that begins at `at`: a comma, or the close. */
static const char *choice_end(const char *at, const char *close)
{
    int depth = 0;

    for (; at < close; at++) {
        if (*at == '{')
            depth++;
        else if (*at == '}')
            depth--;
        else if (*at == ',' && depth == 0)
            break;
    }
    return at;
}

static void add_choices(struct neap_paths *todo, const char *text,
                        const struct pair *pair)
{
    const char *from = pair->open + 1;

    for (;;) {
        const char *to = choice_end(from, pair->close);

        neap_paths_add(todo,
                       neap_format("%.*s%.*s%s", (int)(pair->open - text), text,
                                   (int)(to - from), from, pair->close + 1));
        if (to == pair->close)
            return;
        from = to + 1;
    }
}

int neap_braces_expand(const char *pattern, struct neap_paths *ret,
                       struct neap_err *err)
{
    struct neap_paths todo = NEAP_PATHS_INIT;
    bool ok = strlen(pattern) <= LONGEST;

    if (ok)
        neap_paths_add(&todo, neap_strdup(pattern));
    while (todo.count > 0) {
        char *text = todo.path[--todo.count];
        struct pair pair;

        if (!find_pair(text, &pair)) {
            neap_paths_add(ret, text);
        } else {
            add_choices(&todo, text, &pair);
            neap_free(text);
        }
        ok = todo.count + ret->count <= MOST;
        if (!ok)
            break;
    }
    neap_paths_deinit(&todo);
    if (ok)
        return 0;
    neap_paths_deinit(ret);
    return neap_err_set(err, NEAP_EINVAL,
                        "'%.300s' is too long, or its braces stand for more "
                        "than %d patterns",
                        pattern, MOST);
}
