/* cmocka with what it wants included before it, and what every test file uses. */
#ifndef TESTS_SUPPORT_HARNESS_H
#define TESTS_SUPPORT_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* malloc() that fails the test; at least one byte. */
void *test_allocate(size_t bytes);

#define TEST_COUNT(array) (sizeof(array) / sizeof(array)[0])

#endif
