#include "heap.h"

#include <stdlib.h>

static void *allocate(void *user, size_t bytes) {
  test_heap *heap = user;
  void *memory = ++heap->total == heap->fail_at ? NULL : malloc(bytes);
  heap->live += memory != NULL;
  return memory;
}

static void release(void *user, void *memory) {
  test_heap *heap = user;
  heap->live -= memory != NULL;
  free(memory);
}

closs_allocator test_heap_allocator(test_heap *heap) {
  return (closs_allocator){heap, allocate, release};
}
