/* Host memory from the caller's allocator. */
#ifndef CLOSS_BASE_ALLOCATE_H
#define CLOSS_BASE_ALLOCATE_H

#include "closs/context.h"

/* Zeroed memory, NULL on failure. Functions that are NULL stand for malloc and free. bytes is not 0. */
void *closs_allocate(const closs_allocator *allocator, size_t bytes);
void closs_release(const closs_allocator *allocator, void *memory);

#endif
