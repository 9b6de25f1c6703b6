/* The scheduler's structs as text for LuaJIT's FFI, taken from the headers
 * that the C compiler reads. */
#ifndef NEAP_BIND_POLICY_CDEF_H
#define NEAP_BIND_POLICY_CDEF_H

/* Owned; release with neap_free. */
char *neap_policy_cdef(void);

#endif
