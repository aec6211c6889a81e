/* A path through the library, walked once for each OpenCL call and each allocation on it, which fails. */
#ifndef TESTS_FAULT_POINTS_H
#define TESTS_FAULT_POINTS_H

#include "support/calls.h"
#include "support/device.h"
#include "support/heap.h"

typedef struct fault_path fault_path;

/* What a path works on. */
typedef struct fault_scene {
  const fault_path *path;
  test_device device; /* .closs: of `options`, made and destroyed by the walk; NULL: none yet */
  test_calls *calls;
  test_heap heap;
  closs_context_options options; /* with the table of `calls` and the allocator of `heap` */
  unsigned creation;             /* calls that made the context */
  unsigned events;               /* the walk's events that work() released itself */
  void *own;                     /* the path's */
} fault_scene;

#define FAULT_CALL(name) (UINT64_C(1) << TEST_CALL_##name)

struct fault_path {
  const char *name;
  /* Does what the path is about, stopping at the first failure. Releases what it makes, and fails the test where it
   * succeeded with a wrong result. */
  closs_status (*work)(fault_scene *scene, closs_error *error);
  /* NULL, or: what work() needs, and its end; nothing fails meanwhile. With `kept`, .closs is there. */
  void (*begin)(fault_scene *scene);
  void (*end)(fault_scene *scene);
  void (*before)(fault_scene *scene); /* NULL, or: before each walk */
  bool kept;                          /* one context for all walks; else each makes its own, and destroys it */
  bool no_compiler;                   /* on a device without one */
  uint64_t harmless;                  /* FAULT_CALL() of calls without which the result is still right */
  bool harmless_memory;               /* so are some allocations */
  bool creation;                      /* the calls that make the context fail too */
  bool all_codes;                     /* each call fails with each error that it may return, not only with the first */
  bool long_walk;                     /* too long for all of them with $CLOSS_TEST_FULL as well */
};

/*
 * Each call and each allocation fails once. Then: a status and a line that say which one and why, or where that is
 * harmless the right result; everything is released; every event completes; and the same context does the work.
 * Without $CLOSS_TEST_FULL, on paths without `creation` the calls of closs_context_create() do not fail, and of those
 * of clSetKernelArg only some. Prints how many did.
 */
void fault_walk(const test_device *device, const fault_path *path);

#endif
