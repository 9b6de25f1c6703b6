/* libcurl's transfers on a libuv loop. Loop thread only. */
#ifndef NEAP_IO_CURL_LOOP_H
#define NEAP_IO_CURL_LOOP_H

#include <uv.h>

#include "io/curl_api.h"

struct neap_curl_loop;

/* A transfer has ended and is no longer in the loop; the easy handle is its
 * owner's again. Called outside of libcurl, it may add and remove. */
typedef void (*neap_curl_done_cb)(CURL *easy, CURLcode result);

/* Loads libcurl if need be. NEAP_EMODULE, NEAP_EOOM. */
int neap_curl_loop_open(uv_loop_t *loop, neap_curl_done_cb done,
                        struct neap_curl_loop **ret, struct neap_err *err);
/* All transfers have been removed. Asynchronous; NULL is fine. */
void neap_curl_loop_close(struct neap_curl_loop *curl);

int neap_curl_loop_add(struct neap_curl_loop *curl, CURL *easy,
                       struct neap_err *err);
/* Not from within a callback of libcurl. */
void neap_curl_loop_remove(struct neap_curl_loop *curl, CURL *easy);

#endif
