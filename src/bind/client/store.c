/* Digests, and the repository as a client sees it: hash, put, object.
 *
 * Bytes are moved in the pool. The digest cache is opened by the first job
 * that needs it (SQLite costs more than the answer to most questions), hence
 * the lock; repositories are opened on the loop thread and kept.
 */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "bind/client/parts.h"
#include "bind/client/paths.h"
#include "io/pool.h"
#include "store/digest.h"
#include "store/repo.h"

#define DATA_MAX  (64u << 20) /* of core.put */
#define REPOS_MAX 16

struct neap_client_store {
    pthread_mutex_t lock; /* of `digests` and `opened` */
    struct neap_digests *digests;
    bool opened;
    char *cache_path; /* NULL: no place for a cache */
    struct neap_repo *repo[REPOS_MAX];
    int nrepo;
};

/* A job that is under way (op) or has ended (event). */
struct store_job {
    struct neap_client_op op;
    struct neap_client_event event;
    struct neap_job job;
    struct neap_client *client;
    const char *type;       /* of its event */
    char *path;             /* hash */
    struct neap_repo *repo; /* put; borrowed from the store */
    void *data;
    size_t size;
    char digest[NEAP_DIGEST_HEX];
    struct neap_file_id id;
    int64_t rc; /* 0 or a size; negative: err */
    struct neap_err err;
};

/* --- The store ------------------------------------------------------------ */

/* $XDG_CACHE_HOME/neap/digests.db; owned, NULL without a home. */
static char *cache_path(void)
{
    const char *cache = getenv("XDG_CACHE_HOME");
    const char *home = getenv("HOME");

    if (cache && *cache == '/')
        return neap_format("%s/neap/digests.db", cache);
    if (home && *home == '/')
        return neap_format("%s/.cache/neap/digests.db", home);
    return NULL;
}

static struct neap_client_store *need_store(struct neap_client *client)
{
    if (!client->store) {
        client->store = NEAP_NEW(struct neap_client_store);
        (void)pthread_mutex_init(&client->store->lock, NULL);
        client->store->cache_path = cache_path();
    }
    return client->store;
}

void neap_client_store_close(struct neap_client *client)
{
    struct neap_client_store *store = client->store;

    if (!store)
        return;
    client->store = NULL;
    neap_digests_close(store->digests);
    for (int i = 0; i < store->nrepo; i++)
        neap_repo_close(store->repo[i]);
    (void)pthread_mutex_destroy(&store->lock);
    neap_free(store->cache_path);
    neap_free(store);
}

/* The cache; any thread. A folder that cannot be made means no cache. */
static struct neap_digests *need_digests(struct neap_client_store *store)
{
    (void)pthread_mutex_lock(&store->lock);
    if (!store->opened) {
        const char *path = store->cache_path;

        if (path && neap_client_mkdirs_for(path, NULL) < 0)
            path = NULL;
        store->digests = neap_digests_open(path);
        store->opened = true;
    }
    (void)pthread_mutex_unlock(&store->lock);
    return store->digests;
}

/* The repository at `root`; borrowed. */
static int find_repo(struct neap_client *client, const char *root,
                     struct neap_repo **ret, struct neap_err *err)
{
    struct neap_client_store *store = need_store(client);
    int rc;

    for (int i = 0; i < store->nrepo; i++) {
        if (strcmp(neap_repo_root(store->repo[i]), root) == 0) {
            *ret = store->repo[i];
            return 0;
        }
    }
    if (store->nrepo == REPOS_MAX)
        return neap_err_set(err, NEAP_EEXHAUSTED,
                            "more than %d repositories in one session",
                            REPOS_MAX);
    rc = neap_repo_open(root, ret, err);
    if (rc == 0)
        store->repo[store->nrepo++] = *ret;
    return rc;
}

/* --- Jobs ------------------------------------------------------------------- */

static void destroy_job(struct neap_client_event *event)
{
    struct store_job *job = neap_container_of(event, struct store_job, event);

    neap_free(job->path);
    neap_free(job->data);
    neap_free(job);
}

static void cancel_job(struct neap_client_op *op)
{
    struct store_job *job = neap_container_of(op, struct store_job, op);

    neap_job_cancel(&job->job); /* on_job_done frees it */
}

static void on_job_done(struct neap_job *neap_job, bool canceled)
{
    struct store_job *job = neap_container_of(neap_job, struct store_job, job);

    if (canceled) {
        destroy_job(&job->event);
        return;
    }
    neap_client_remove(job->client, &job->op);
    neap_client_emit(job->client, &job->event);
}

static struct store_job *create_job(struct neap_client *client, int64_t id,
                                    const char *type)
{
    struct store_job *job = NEAP_NEW(struct store_job);

    job->client = client;
    job->type = type;
    job->event.id = id;
    job->event.destroy = destroy_job;
    neap_client_add(client, &job->op, id, cancel_job);
    return job;
}

/* Push the table with what all jobs have: digest and size, or the error. */
static void push_job(lua_State *L, const struct store_job *job)
{
    neap_client_push_event(L, job->type, job->event.id);
    if (job->rc < 0) {
        lua_pushstring(L, job->err.text);
        lua_setfield(L, -2, "error");
        lua_pushstring(L, neap_kind_name(job->err.kind));
        lua_setfield(L, -2, "code");
        return;
    }
    lua_pushstring(L, job->digest);
    lua_setfield(L, -2, "sha256");
    lua_pushnumber(L, (lua_Number)job->rc);
    lua_setfield(L, -2, "size");
}

/* A number of Lua holds 53 bits, an inode or a time in ns needs 64. */
static void set_big(lua_State *L, const char *key, int64_t value)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%lld", (long long)value);
    lua_pushstring(L, text);
    lua_setfield(L, -2, key);
}

static void push_hash(lua_State *L, const struct neap_client_event *event)
{
    const struct store_job *job =
        neap_container_of(event, struct store_job, event);

    push_job(L, job);
    if (job->rc < 0)
        return;
    set_big(L, "dev", (int64_t)job->id.dev);
    set_big(L, "ino", (int64_t)job->id.ino);
    set_big(L, "mtime_ns", job->id.mtime_ns);
    set_big(L, "ctime_ns", job->id.ctime_ns);
    lua_pushboolean(L, job->id.executable);
    lua_setfield(L, -2, "x");
}

static void push_put(lua_State *L, const struct neap_client_event *event)
{
    push_job(L, neap_container_of(event, struct store_job, event));
}

static void work_hash(struct neap_job *neap_job)
{
    struct store_job *job = neap_container_of(neap_job, struct store_job, job);
    int rc = neap_digests_file(need_digests(job->client->store), job->path,
                               job->digest, &job->id, &job->err);

    job->rc = rc < 0 ? rc : job->id.size;
}

static void work_put(struct neap_job *neap_job)
{
    struct store_job *job = neap_container_of(neap_job, struct store_job, job);

    job->rc = neap_repo_put_data(job->repo, job->data, job->size, job->digest,
                                 &job->err);
}

/* --- Lua ---------------------------------------------------------------------- */

/* core.hash(id, path) -> true
 *
 * Event { type="hash", id=, sha256=, size=, dev=, ino=, mtime_ns=,
 * ctime_ns=, x= } or { …, error=, code= }. */
static int core_hash(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    int64_t id = neap_client_check_id(L, client, 1);
    const char *path = neap_client_check_path(L, 2);
    struct store_job *job;

    (void)need_store(client);
    job = create_job(client, id, "hash");
    job->path = neap_strdup(path);
    job->event.push = push_hash;
    neap_job_start(&job->job, &client->loop, work_hash, on_job_done);
    lua_pushboolean(L, 1);
    return 1;
}

/* core.put(id, repo, data) -> true
 *
 * Event { type="put", id=, sha256=, size= } or { …, error=, code= }. */
static int core_put(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    int64_t id = neap_client_check_id(L, client, 1);
    const char *root = neap_client_check_path(L, 2);
    size_t size;
    const char *data = luaL_checklstring(L, 3, &size);
    struct neap_repo *repo;
    struct store_job *job;
    struct neap_err err;

    luaL_argcheck(L, size <= DATA_MAX, 3, "data has at most 64 MiB");
    lua_pushboolean(L, 1);
    if (find_repo(client, root, &repo, &err) < 0) {
        neap_client_emit_error(client, "put", id, &err);
        return 1;
    }
    job = create_job(client, id, "put");
    job->repo = repo;
    job->data = neap_alloc(size + 1);
    memcpy(job->data, data, size);
    job->size = size;
    job->event.push = push_put;
    neap_job_start(&job->job, &client->loop, work_put, on_job_done);
    return 1;
}

/* core.object(repo, sha256) -> path, or nil if it is not there */
static int core_object(lua_State *L)
{
    struct neap_client *client = neap_client_get(L);
    const char *root = neap_client_check_path(L, 1);
    const char *digest = luaL_checkstring(L, 2);
    char path[PATH_MAX] = "";
    struct neap_repo *repo;
    struct neap_err err;
    struct stat st;
    char *full;

    /* asking must not make the folders of a repository */
    if (stat(root, &st) < 0) {
        lua_pushnil(L);
        return 1;
    }
    if (find_repo(client, root, &repo, &err) < 0)
        return neap_client_fail(L, &err);
    full = neap_repo_path(repo, digest);
    if (full && strlen(full) < sizeof(path) && stat(full, &st) == 0)
        memcpy(path, full, strlen(full) + 1);
    neap_free(full);
    if (*path)
        lua_pushstring(L, path);
    else
        lua_pushnil(L);
    return 1;
}

const luaL_Reg neap_client_store_functions[] = {
    { "hash", core_hash },
    { "put", core_put },
    { "object", core_object },
    { NULL, NULL },
};
