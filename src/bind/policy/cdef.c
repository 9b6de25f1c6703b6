/* The headers are part of the program's data (.incbin); what stands between
 * their marks is cut out at run time. They are included as well, so that this
 * file is compiled again when one of them changes. */
#include "bind/policy/cdef.h"

#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "bind/policy/call.h"
#include "core/policy.h"
#include "core/view.h"

#define EMBED(name, path)                  \
 __asm__(".section .rodata\n"              \
         ".global " #name "\n" #name ":\n" \
         ".incbin \"" path "\"\n"          \
         ".byte 0\n"                       \
         ".previous\n");                   \
 extern const char name[]

EMBED(neap_text_view_h, NEAP_SRC_DIR "/core/view.h");
EMBED(neap_text_policy_h, NEAP_SRC_DIR "/core/policy.h");
EMBED(neap_text_call_h, NEAP_SRC_DIR "/bind/policy/call.h");

static void cut(struct neap_buf *out, const char *text, const char *begin,
                const char *end, size_t keep)
{
    const char *from = strstr(text, begin);
    const char *to = from ? strstr(from, end) : NULL;

    assert(to); /* the marks are ours */
    neap_buf_append(out, from, (size_t)(to - from) + keep);
    neap_buf_putc(out, '\n');
}

char *neap_policy_cdef(void)
{
    struct neap_buf out = NEAP_BUF_INIT;

    cut(&out, neap_text_view_h, "/* cdef begin */", "/* cdef end */", 0);
    cut(&out, neap_text_policy_h, "struct neap_key_view {", "\n};", 3);
    cut(&out, neap_text_call_h, "/* cdef begin */", "/* cdef end */", 0);
    return neap_buf_take(&out);
}
