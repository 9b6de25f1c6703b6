/* libcurl, loaded when it is needed first.
 *
 * It brings 33 shared objects, which costs 12 ms. A command that talks to no
 * engine does without, and the others can load it while the engine starts.
 */
#ifndef NEAP_IO_CURL_API_H
#define NEAP_IO_CURL_API_H

#include <curl/curl.h>

#include "base/err.h"

/* The functions of libcurl in use, without the prefix "curl_". */
#define NEAP_CURL_FUNCTIONS(F) \
 F(global_init)                \
 F(easy_init)                  \
 F(easy_setopt)                \
 F(easy_getinfo)               \
 F(easy_strerror)              \
 F(easy_cleanup)               \
 F(multi_init)                 \
 F(multi_setopt)               \
 F(multi_add_handle)           \
 F(multi_remove_handle)        \
 F(multi_assign)               \
 F(multi_socket_action)        \
 F(multi_info_read)            \
 F(multi_strerror)             \
 F(multi_cleanup)              \
 F(slist_append)               \
 F(slist_free_all)

struct neap_curl_api {
#define NEAP_CURL_MEMBER(name) __typeof__(&curl_##name) name;
    NEAP_CURL_FUNCTIONS(NEAP_CURL_MEMBER)
#undef NEAP_CURL_MEMBER
};

/* The loaded library; it stays loaded. Main thread only. Returns NULL with
 * `err` filled (NEAP_EMODULE) if it is not installed or too old. */
const struct neap_curl_api *neap_curl_api(struct neap_err *err);

#endif
