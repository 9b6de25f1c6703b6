/* The one thing in this layer that is kept per process and not per loop:
 * loaded code, which is per process anyway. */
#include "io/curl_api.h"

#include <dlfcn.h>
#include <stdbool.h>

/* curl's header wraps some of its functions in macros that check types. */
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define LIBRARY "libcurl.so.4"

static bool find_all(void *library, struct neap_curl_api *api)
{
#define FIND(name)                                                 \
 api->name = (__typeof__(api->name))dlsym(library, "curl_" #name); \
 if (!api->name)                                                   \
  return false;
    NEAP_CURL_FUNCTIONS(FIND)
#undef FIND
    return true;
}

const struct neap_curl_api *neap_curl_api(struct neap_err *err)
{
    static struct neap_curl_api api;
    static bool loaded;
    void *library;
    CURLcode code;

    if (loaded)
        return &api;
    library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE);
    if (!library || !find_all(library, &api)) {
        (void)neap_err_set(err, NEAP_EMODULE, "cannot load %s: %s", LIBRARY,
                           dlerror());
        return NULL;
    }
    code = api.global_init(CURL_GLOBAL_ALL);
    if (code != CURLE_OK) {
        (void)neap_err_set(err, NEAP_EMODULE, "%s does not start: %s", LIBRARY,
                           api.easy_strerror(code));
        return NULL;
    }
    loaded = true;
    return &api;
}
