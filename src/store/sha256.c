/* OpenSSL's digest, fetched once: fetching costs more than hashing a line. */
#include "store/sha256.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>

#include "base/mem.h"

struct neap_sha256 {
    EVP_MD_CTX *ctx;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *algorithm; /* never freed: threads may outlive main */

static void fetch(void)
{
    algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(algorithm != NULL);
}

static void start(struct neap_sha256 *sha)
{
    int ok = EVP_DigestInit_ex2(sha->ctx, algorithm, NULL);

    assert(ok == 1);
    (void)ok;
}

struct neap_sha256 *neap_sha256_create(void)
{
    struct neap_sha256 *sha = NEAP_NEW(struct neap_sha256);

    (void)pthread_once(&once, fetch);
    sha->ctx = EVP_MD_CTX_new();
    assert(sha->ctx != NULL);
    start(sha);
    return sha;
}

void neap_sha256_update(struct neap_sha256 *sha, const void *data, size_t n)
{
    int ok = EVP_DigestUpdate(sha->ctx, data, n);

    assert(ok == 1);
    (void)ok;
}

void neap_sha256_finish(struct neap_sha256 *sha, char hex[NEAP_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int n = 0;
    int ok = EVP_DigestFinal_ex(sha->ctx, raw, &n);

    assert(ok == 1 && 2 * n + 1 == NEAP_DIGEST_HEX);
    (void)ok;
    for (unsigned int i = 0; i < n; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * n] = '\0';
    start(sha);
}

void neap_sha256_destroy(struct neap_sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->ctx);
    neap_free(sha);
}

void neap_sha256_of(const void *data, size_t n, char hex[NEAP_DIGEST_HEX])
{
    struct neap_sha256 *sha = neap_sha256_create();

    neap_sha256_update(sha, data, n);
    neap_sha256_finish(sha, hex);
    neap_sha256_destroy(sha);
}

bool neap_digest_ok(const char *hex)
{
    return hex != NULL && strspn(hex, "0123456789abcdef") == 64 &&
           hex[64] == '\0';
}
