/* SHA-256. Any thread, each with a digest of its own. */
#ifndef NEAP_STORE_SHA256_H
#define NEAP_STORE_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#define NEAP_DIGEST_HEX 65 /* 64 lower-case digits and NUL */

struct neap_sha256;                           /* a running digest */
struct neap_sha256 *neap_sha256_create(void); /* owned */
void neap_sha256_update(struct neap_sha256 *sha, const void *data, size_t n);
/* Ready for the next one afterwards. */
void neap_sha256_finish(struct neap_sha256 *sha, char hex[NEAP_DIGEST_HEX]);
void neap_sha256_destroy(struct neap_sha256 *sha); /* NULL is fine */
void neap_sha256_of(const void *data, size_t n, char hex[NEAP_DIGEST_HEX]);

/* Is it 64 lower-case hex digits? NULL is not. */
bool neap_digest_ok(const char *hex);

#endif
