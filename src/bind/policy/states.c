#include "bind/policy/states.h"

#include <string.h>

#include "base/mem.h"

static struct neap_saved_state *find(const struct neap_states *states,
                                     enum neap_policy_kind kind,
                                     const char *name)
{
    struct neap_saved_state *s = states->first;

    while (s && (s->kind != kind || strcmp(s->name, name) != 0))
        s = s->next;
    return s;
}

void neap_states_deinit(struct neap_states *states)
{
    while (states->first) {
        struct neap_saved_state *s = states->first;

        states->first = s->next;
        neap_free(s->name);
        neap_free(s->text);
        neap_free(s);
    }
}

void neap_states_put(struct neap_states *states, enum neap_policy_kind kind,
                     const char *name, char *text, size_t len)
{
    struct neap_saved_state *s = find(states, kind, name);

    if (!s) {
        s = NEAP_NEW(struct neap_saved_state);
        s->kind = kind;
        s->name = neap_strdup(name);
        s->next = states->first;
        states->first = s;
    }
    neap_free(s->text);
    s->text = text;
    s->len = len;
}

const char *neap_states_get(const struct neap_states *states,
                            enum neap_policy_kind kind, const char *name,
                            size_t *ret_len)
{
    const struct neap_saved_state *s = find(states, kind, name);

    if (!s || !s->text)
        return NULL;
    *ret_len = s->len;
    return s->text;
}
