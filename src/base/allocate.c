#include "base/allocate.h"

#include <stdlib.h>
#include <string.h>

void *closs_allocate(const closs_allocator *allocator, size_t bytes) {
  void *memory = allocator->allocate ? allocator->allocate(allocator->user, bytes) : malloc(bytes);
  return memory ? memset(memory, 0, bytes) : NULL;
}

void closs_release(const closs_allocator *allocator, void *memory) {
  if (allocator->release)
    allocator->release(allocator->user, memory);
  else
    free(memory);
}
