#include <stdlib.h>
#include <string.h>

#include "../unit.h"
#include "store/sha256.h"

static void known_digests(void **state)
{
    char hex[NEAP_DIGEST_HEX];
    char *million = malloc(1000000);

    (void)state;
    neap_sha256_of("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb924"
                             "27ae41e4649b934ca495991b7852b855");
    neap_sha256_of("abc", 3, hex);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223"
                             "b00361a396177a9cb410ff61f20015ad");
    assert_non_null(million);
    memset(million, 'a', 1000000);
    neap_sha256_of(million, 1000000, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67"
                             "f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

static void goes_on_after_finish(void **state)
{
    struct neap_sha256 *sha = neap_sha256_create();
    char first[NEAP_DIGEST_HEX], second[NEAP_DIGEST_HEX];

    (void)state;
    neap_sha256_update(sha, "a", 1);
    neap_sha256_update(sha, "bc", 2);
    neap_sha256_finish(sha, first);
    neap_sha256_update(sha, "abc", 3);
    neap_sha256_finish(sha, second);
    assert_string_equal(first, second);
    neap_sha256_destroy(sha);
    neap_sha256_destroy(NULL);
}

static void tells_digests(void **state)
{
    char hex[NEAP_DIGEST_HEX];

    (void)state;
    neap_sha256_of("x", 1, hex);
    assert_true(neap_digest_ok(hex));
    hex[10] = 'A';
    assert_false(neap_digest_ok(hex));
    hex[10] = '/';
    assert_false(neap_digest_ok(hex));
    hex[10] = '\0';
    assert_false(neap_digest_ok(hex));
    assert_false(neap_digest_ok(""));
    assert_false(neap_digest_ok(NULL));
    assert_false(neap_digest_ok("e3b0c44298fc1c149afbf4c8996fb924"
                                "27ae41e4649b934ca495991b7852b8550"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_digests),
        cmocka_unit_test(goes_on_after_finish),
        cmocka_unit_test(tells_digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
