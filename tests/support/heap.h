/* An allocator that counts, and can let one allocation fail. One thread. */
#ifndef TESTS_SUPPORT_HEAP_H
#define TESTS_SUPPORT_HEAP_H

#include "closs/context.h"

typedef struct test_heap {
  unsigned live;    /* blocks */
  unsigned total;   /* allocations in all */
  unsigned fail_at; /* the number, from 1, of the one that fails; 0: none */
} test_heap;

/* The heap is kept by reference. */
closs_allocator test_heap_allocator(test_heap *heap);

#endif
