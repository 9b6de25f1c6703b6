/* cmocka with what it needs before it, so that includes can be sorted. */
#ifndef NEAP_TESTS_UNIT_H
#define NEAP_TESTS_UNIT_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
/* clang-format on */

#endif
