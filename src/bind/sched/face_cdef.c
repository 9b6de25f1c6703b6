/* The face's header is part of the module's data; Lua gets what stands between
 * its marks. It is included as well, so that this file is compiled again when
 * it changes. */
#include <assert.h>
#include <string.h>

#include "bind/sched/face.h"

__asm__(".section .rodata\n"
        "neap_text_face_h:\n"
        ".incbin \"" NEAP_SRC_DIR "/bind/sched/face.h\"\n"
        ".byte 0\n"
        ".previous\n");
extern const char neap_text_face_h[];

const char *neap_face_cdef(int *ret_length)
{
    const char *from = strstr(neap_text_face_h, "/* cdef begin */");
    const char *to = strstr(neap_text_face_h, "/* cdef end */");

    assert(from && to); /* the marks are ours */
    *ret_length = (int)(to - from);
    return from;
}
