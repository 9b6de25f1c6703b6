/* A row tells what a file with this device and inode has hashed to, and what
 * it looked like then: if it looks the same now, it is the same. Without the
 * cache everything works, only slower; so no failure of it is an error of
 * ours, it is logged once and the cache is done without.
 *
 * The database is opened at the first question. Hashing happens outside of
 * the lock. */
#include "store/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "store/bytes.h"
#include "store/mkdirs.h"

#define BUSY_MS  2000
#define FRESH_NS (2 * NEAP_SEC)

static const char schema[] =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = NORMAL;"
    "CREATE TABLE IF NOT EXISTS digest ("
    " dev INTEGER NOT NULL, ino INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,"
    " sha256 TEXT NOT NULL, PRIMARY KEY (dev, ino)) WITHOUT ROWID";
static const char select_sql[] =
    "SELECT sha256 FROM digest WHERE dev = ?1 AND ino = ?2 AND size = ?3"
    " AND mtime_ns = ?4 AND ctime_ns = ?5";
static const char insert_sql[] =
    "INSERT OR REPLACE INTO digest VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

struct neap_digests {
    char *path; /* NULL: no cache, or no more */
    pthread_mutex_t lock;
    sqlite3 *db; /* NULL until the first question */
    sqlite3_stmt *select, *insert;
    bool moved; /* a damaged one, once */
};

/* --- the database --------------------------------------------------------- */

static void close_db(struct neap_digests *digests)
{
    (void)sqlite3_finalize(digests->select);
    (void)sqlite3_finalize(digests->insert);
    (void)sqlite3_close(digests->db);
    digests->select = digests->insert = NULL;
    digests->db = NULL;
}

static int prepare(struct neap_digests *digests)
{
    int rc = sqlite3_exec(digests->db, schema, NULL, NULL, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(digests->db, select_sql, -1, &digests->select,
                                NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_prepare_v2(digests->db, insert_sql, -1, &digests->insert,
                                NULL);
    return rc;
}

static void make_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *folder;

    if (slash == NULL || slash == path)
        return;
    folder = neap_strndup(path, (size_t)(slash - path));
    (void)neap_mkdirs(folder, 0700, NULL); /* opening the file tells */
    neap_free(folder);
}

static int open_db(struct neap_digests *digests)
{
    int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int rc;

    make_parent(digests->path);
    rc = sqlite3_open_v2(digests->path, &digests->db, flags, NULL);
    if (rc != SQLITE_OK)
        return rc;
    (void)sqlite3_busy_timeout(digests->db, BUSY_MS);
    return prepare(digests);
}

static bool is_damage(int rc)
{
    /* ERROR: a table of the same name that is not ours */
    return rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_ERROR;
}

/* Put a damaged database where it does no harm. */
static bool move_aside(struct neap_digests *digests)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    bool ok = true;

    for (int i = 0; i < 3; i++) {
        char *from = neap_format("%s%s", digests->path, suffixes[i]);
        char *to = neap_format("%s.damaged%s", digests->path, suffixes[i]);

        if (rename(from, to) < 0 && errno != ENOENT)
            ok = false;
        neap_free(from);
        neap_free(to);
    }
    return ok;
}

static void do_without(struct neap_digests *digests, const char *why)
{
    neap_log(NEAP_WARN, "going on without the digest cache '%s': %s",
             digests->path, why);
    neap_free(digests->path);
    digests->path = NULL;
}

/* After a failure: give up what is open, and perhaps the file. */
static void failed(struct neap_digests *digests, int rc)
{
    char *why = neap_strdup(digests->db != NULL ? sqlite3_errmsg(digests->db)
                                                : sqlite3_errstr(rc));

    rc &= 0xff;
    close_db(digests);
    if (is_damage(rc) && !digests->moved && move_aside(digests)) {
        digests->moved = true;
        neap_log(NEAP_WARN,
                 "the digest cache is damaged (%s): moved to '%s.damaged', "
                 "files will be hashed again",
                 why, digests->path);
    } else if (rc != SQLITE_BUSY && rc != SQLITE_LOCKED) {
        do_without(digests, why); /* a busy one may be free the next time */
    }
    neap_free(why);
}

/* With the lock held. */
static bool is_open(struct neap_digests *digests)
{
    for (int tries = 0; tries < 2; tries++) {
        int rc;

        if (digests->path == NULL)
            return false;
        if (digests->db != NULL)
            return true;
        rc = open_db(digests);
        if (rc == SQLITE_OK)
            return true;
        failed(digests, rc);
    }
    return false;
}

/* --- rows ----------------------------------------------------------------- */

static void bind_id(sqlite3_stmt *stmt, const struct neap_file_id *id)
{
    (void)sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id->dev);
    (void)sqlite3_bind_int64(stmt, 2, (sqlite3_int64)id->ino);
    (void)sqlite3_bind_int64(stmt, 3, id->size);
    (void)sqlite3_bind_int64(stmt, 4, id->mtime_ns);
    (void)sqlite3_bind_int64(stmt, 5, id->ctime_ns);
}

static bool recall(struct neap_digests *digests, const struct neap_file_id *id,
                   char hex[NEAP_DIGEST_HEX])
{
    bool hit = false;

    (void)pthread_mutex_lock(&digests->lock);
    if (is_open(digests)) {
        int rc;

        bind_id(digests->select, id);
        rc = sqlite3_step(digests->select);
        if (rc == SQLITE_ROW) {
            const char *text =
                (const char *)sqlite3_column_text(digests->select, 0);

            hit = neap_digest_ok(text);
            if (hit)
                memcpy(hex, text, NEAP_DIGEST_HEX);
        }
        (void)sqlite3_reset(digests->select);
        if (rc != SQLITE_ROW && rc != SQLITE_DONE)
            failed(digests, rc);
    }
    (void)pthread_mutex_unlock(&digests->lock);
    return hit;
}

static void keep(struct neap_digests *digests, const struct neap_file_id *id,
                 const char *hex)
{
    (void)pthread_mutex_lock(&digests->lock);
    if (is_open(digests)) {
        int rc;

        bind_id(digests->insert, id);
        (void)sqlite3_bind_text(digests->insert, 6, hex, -1, SQLITE_STATIC);
        rc = sqlite3_step(digests->insert);
        (void)sqlite3_reset(digests->insert);
        (void)sqlite3_clear_bindings(digests->insert);
        if (rc != SQLITE_DONE)
            failed(digests, rc);
    }
    (void)pthread_mutex_unlock(&digests->lock);
}

/* --- files ---------------------------------------------------------------- */

static int64_t nanoseconds(struct timespec time)
{
    return time.tv_sec * NEAP_SEC + time.tv_nsec;
}

static struct neap_file_id make_id(const struct stat *st)
{
    return (struct neap_file_id){ .dev = st->st_dev,
                                  .ino = st->st_ino,
                                  .size = st->st_size,
                                  .mtime_ns = nanoseconds(st->st_mtim),
                                  .ctime_ns = nanoseconds(st->st_ctim),
                                  .executable = (st->st_mode & 0111) != 0 };
}

/* Could it have been written to since, without looking different? */
static bool is_fresh(const struct neap_file_id *id, int64_t now_ns)
{
    return id->mtime_ns > now_ns - FRESH_NS || id->ctime_ns > now_ns - FRESH_NS;
}

static int check_same(int fd, const struct stat *before, const char *path,
                      struct neap_err *err)
{
    struct stat now;

    if (fstat(fd, &now) < 0)
        return neap_err_errno(err, errno, "cannot look at '%s'", path);
    if (neap_bytes_same(before, &now))
        return 0;
    return neap_err_set(err, NEAP_EINTEGRITY,
                        "'%s' changed while it was being hashed", path);
}

static int hash_file(const char *path, const struct stat *st,
                     char hex[NEAP_DIGEST_HEX], struct neap_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int64_t rc;

    if (fd < 0)
        return neap_err_errno(err, errno, "cannot read '%s'", path);
    rc = check_same(fd, st, path, err);
    if (rc == 0)
        rc = neap_bytes_hash(fd, path, hex, err);
    if (rc >= 0)
        rc = check_same(fd, st, path, err);
    (void)close(fd);
    return (int)rc;
}

int neap_digests_file(struct neap_digests *digests, const char *path,
                      char hex[NEAP_DIGEST_HEX], struct neap_file_id *ret_id,
                      struct neap_err *err)
{
    int64_t now_ns = neap_clock_wall_ns();
    struct neap_file_id id;
    char digest[NEAP_DIGEST_HEX];
    struct stat st;
    int rc = 0;

    if (stat(path, &st) < 0)
        return neap_err_errno(err, errno, "cannot look at '%s'", path);
    if (!S_ISREG(st.st_mode))
        return neap_err_set(err, NEAP_EINVAL, "'%s' is %s, not a regular file",
                            path, S_ISDIR(st.st_mode) ? "a folder" : "special");
    id = make_id(&st);
    if (!recall(digests, &id, digest)) {
        rc = hash_file(path, &st, digest, err);
        if (rc < 0)
            return rc;
        if (!is_fresh(&id, now_ns))
            keep(digests, &id, digest);
    }
    memcpy(hex, digest, NEAP_DIGEST_HEX);
    *ret_id = id;
    return 0;
}

struct neap_digests *neap_digests_open(const char *path)
{
    struct neap_digests *digests = NEAP_NEW(struct neap_digests);

    digests->path = neap_strdup(path);
    (void)pthread_mutex_init(&digests->lock, NULL);
    return digests;
}

void neap_digests_close(struct neap_digests *digests)
{
    if (digests == NULL)
        return;
    close_db(digests);
    (void)pthread_mutex_destroy(&digests->lock);
    neap_free(digests->path);
    neap_free(digests);
}
