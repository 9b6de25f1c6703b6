/* Policies in Lua, each in its own VM. The host is made when the first one is
 * loaded: until then the scheduler's own decide. */
#include <string.h>

#include "base/err.h"
#include "bind/sched/face_impl.h"

#define COMPLAINTS_MAX 64

/* Policies that fail do so every round: what nobody fetches is dropped. */
static void on_error(void *ctx, const char *policy, const char *text)
{
    struct neap_face *face = ctx;

    if (face->ncomplaints == COMPLAINTS_MAX)
        return;
    if (face->complaint == NULL)
        face->complaint = neap_calloc(COMPLAINTS_MAX, sizeof(char *));
    face->complaint[face->ncomplaints++] =
        neap_format("policy %s: %s", policy, text);
}

int neap_face_complaint(struct neap_face_page *page)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_err err = { .kind = NEAP_KIND_EVAL };

    if (face->ncomplaints == 0)
        return 0;
    (void)neap_err_set(&err, NEAP_EEVAL, "%s", face->complaint[0]);
    neap_free(face->complaint[0]);
    face->ncomplaints--;
    memmove(face->complaint, face->complaint + 1,
            (size_t)face->ncomplaints * sizeof(char *));
    return neap_face_fail(face, 1, &err);
}

void neap_face_limit_policies(struct neap_face *face)
{
    const struct neap_policy_limits limits = { .hang_ns = face->policy_ns };

    if (face->policies != NULL)
        neap_policy_host_set_limits(face->policies, &limits);
}

static int open_host(struct neap_face *face, struct neap_err *err)
{
    if (face->policies != NULL)
        return 0;
    face->policies =
        neap_policy_host_create(face->lua_path, &face->labels, err);
    if (face->policies == NULL)
        return neap_err_code(err->kind);
    neap_policy_host_on_error(face->policies, on_error, face);
    neap_face_limit_policies(face);
    return 0;
}

/* The policy that decides when nothing else is asked for comes checked. */
static int load(struct neap_face *face, int kind, const char *name,
                const char *params, struct neap_err *err)
{
    if (kind == NEAP_POLICY_PACK && params == NULL &&
        strcmp(name, "default") == 0)
        return neap_policy_host_load_shipped(face->policies, err);
    return neap_policy_host_load(face->policies, (enum neap_policy_kind)kind,
                                 name, params, err);
}

/* The default order is the scheduler's own, which costs no call into Lua for
 * each task. */
static bool is_built_in(int kind, const char *name)
{
    return kind == NEAP_POLICY_PRIORITY && strcmp(name, "default") == 0;
}

static void use(struct neap_face *face, int kind)
{
    if (kind == NEAP_POLICY_PACK) {
        const struct neap_pack_policy *pack =
            neap_policy_host_pack(face->policies);

        neap_sched_set_pack(face->sched, &pack, 1);
    } else {
        face->own_priority = true;
        neap_sched_set_priority(face->sched,
                                neap_policy_host_priority(face->policies));
    }
}

int neap_face_load_policy(struct neap_face_page *page, int kind,
                          const char *name, const char *params)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_err err;
    int rc;

    if (is_built_in(kind, name)) {
        face->own_priority = false;
        neap_sched_set_priority(face->sched, NULL);
        return 1;
    }
    rc = open_host(face, &err);

    if (rc == 0)
        rc = load(face, kind, name, params, &err);
    if (rc < 0)
        return neap_face_fail(face, rc, &err);
    use(face, kind);
    return 1;
}

static void describe(const struct neap_policy_info *info,
                     struct neap_face_policy_view *ret)
{
    *ret = (struct neap_face_policy_view){
        .state = neap_policy_state_name(info->state),
        .name = info->name,
        .path = info->path,
        .hooks = info->hooks,
        .last_error = info->last_error,
        .calls = (double)info->calls,
        .slow = (double)info->slow,
        .errors = (double)info->errors,
        .candidates = (double)info->candidates,
        .mean_ns = info->mean_ns,
        .ns_per_candidate = info->ns_per_candidate,
        .strikes = info->strikes,
    };
}

int neap_face_policy(struct neap_face_page *page, int kind,
                     struct neap_face_policy_view *ret)
{
    struct neap_face *face = neap_face_of(page);
    struct neap_policy_info info = { .state = NEAP_POLICY_NONE };

    if (face->policies != NULL &&
        (kind == NEAP_POLICY_PACK || face->own_priority))
        neap_policy_host_info(face->policies, (enum neap_policy_kind)kind,
                              &info);
    if (info.state != NEAP_POLICY_NONE) {
        describe(&info, ret);
        return 1;
    }
    *ret = (struct neap_face_policy_view){
        .name = kind == NEAP_POLICY_PACK ? neap_policy_best_fit.name
                                         : neap_policy_by_priority.name,
    };
    return 0;
}

void neap_face_drop_policies(struct neap_face *face)
{
    neap_policy_host_destroy(face->policies);
    for (int i = 0; i < face->ncomplaints; i++)
        neap_free(face->complaint[i]);
    neap_free(face->complaint);
}
