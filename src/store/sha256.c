/* Nettle's digest: as fast as that of libcrypto, and loaded in a third of the
 * time, which every agent and every client would spend. */
#include "store/sha256.h"

#include <nettle/sha2.h>
#include <string.h>

#include "base/mem.h"

struct neap_sha256 {
    struct sha256_ctx ctx;
};

struct neap_sha256 *neap_sha256_create(void)
{
    struct neap_sha256 *sha = NEAP_NEW(struct neap_sha256);

    sha256_init(&sha->ctx);
    return sha;
}

void neap_sha256_update(struct neap_sha256 *sha, const void *data, size_t n)
{
    sha256_update(&sha->ctx, n, data);
}

void neap_sha256_finish(struct neap_sha256 *sha, char hex[NEAP_DIGEST_HEX])
{
    static const char digits[] = "0123456789abcdef";
    uint8_t raw[SHA256_DIGEST_SIZE];

    sha256_digest(&sha->ctx, sizeof raw, raw); /* begins anew */
    for (size_t i = 0; i < sizeof raw; i++) {
        hex[2 * i] = digits[raw[i] >> 4];
        hex[2 * i + 1] = digits[raw[i] & 15];
    }
    hex[2 * sizeof raw] = '\0';
}

void neap_sha256_destroy(struct neap_sha256 *sha)
{
    neap_free(sha);
}

void neap_sha256_of(const void *data, size_t n, char hex[NEAP_DIGEST_HEX])
{
    struct neap_sha256 sha;

    sha256_init(&sha.ctx);
    neap_sha256_update(&sha, data, n);
    neap_sha256_finish(&sha, hex);
}

bool neap_digest_ok(const char *hex)
{
    return hex != NULL && strspn(hex, "0123456789abcdef") == 64 &&
           hex[64] == '\0';
}
