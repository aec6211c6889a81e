/**
 * @file context.h
 * A context: one OpenCL context and device, what closs knows of the device, and the programs compiled for it.
 */
#ifndef CLOSS_CONTEXT_H
#define CLOSS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "closs/cache.h"
#include "closs/opencl.h"
#include "closs/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup contexts Contexts: a device, and what is known of it
 * @{ */

/** One OpenCL context and device. Opaque; any number of threads may use one at once. */
typedef struct closs_context closs_context;

/**
 * How far a device's arithmetic is IEEE's, found by running a probe kernel, never by a query.
 * The numbers are part of the ABI.
 */
typedef enum closs_device_class {
  CLOSS_CLASS_UNKNOWN = 0, /**< not probed yet: see closs_context_probe() */
  CLOSS_CLASS_EXACT = 1,   /**< result bits are those that docs/numerics.md fixes */
  CLOSS_CLASS_NORMAL = 2,  /**< the same as long as no intermediate value is subnormal */
  CLOSS_CLASS_OTHER = 3    /**< results lie within 4 units of the stated bounds */
} closs_device_class;

/** Where host memory comes from. Both functions must be thread-safe. */
typedef struct closs_allocator {
  void *user;                                  /**< the first argument of both */
  void *(*allocate)(void *user, size_t bytes); /**< as malloc(): NULL on failure; bytes is never 0 */
  void (*release)(void *user, void *memory);   /**< as free(): also with NULL */
} closs_allocator;

/** How much a log line matters. */
typedef enum closs_log_level { CLOSS_LOG_WARNING = 1, CLOSS_LOG_INFO = 2 } closs_log_level;

/** Gets one line without a newline at a time (a compiler's build log may hold newlines). Must be thread-safe. */
typedef void (*closs_log_function)(void *user, closs_log_level level, const char *line);

/** Options of closs_context_create(). Start from #CLOSS_CONTEXT_OPTIONS_INIT. */
typedef struct closs_context_options {
  size_t size;                /**< sizeof(closs_context_options) */
  const closs_opencl *opencl; /**< OpenCL's functions, copied; NULL: the ICD loader's */
  closs_allocator allocator;  /**< copied; functions NULL: malloc and free */
  closs_log_function log;     /**< NULL: no log */
  void *log_user;             /**< the first argument of log */
  closs_cache cache;          /**< the caller's own cache, copied; functions NULL: none */
  /**
   * The folder of the disk cache, NULL: none; closs_cache_default_directory() names the usual one. It is made where it
   * is missing, with mode 0700. One that belongs to another user, that others may write to, or that is a symbolic link
   * is not used, and the log says so. Any number of processes may use one folder at once.
   */
  const char *cache_directory;
  uint64_t cache_limit; /**< bytes of its entries; those used longest ago go first. 0: #CLOSS_CACHE_LIMIT */
  const void *bundle;   /**< a bundle (bundle.h) in memory that stays while the context lives; NULL: none */
  size_t bundle_size;   /**< its bytes; a damaged bundle, or anything else, is an error */
  /**
   * closs_context_create() computes with each program of the bundle that is this device's, or, where there is none, l1
   * of f32, on up to 2^17 elements, and fails with CLOSS_SELF_TEST_FAILED where a bit of a result differs from
   * closs_reference()'s. The operands are such that devices of every class must get the same bits (complex and 16-bit
   * types: of class exact or normal, others are not compared). Blocks, and without such a bundle compiles where no
   * cache has the program.
   */
  bool self_test;
} closs_context_options;

/** The defaults of #closs_context_options. */
#define CLOSS_CONTEXT_OPTIONS_INIT                                                                                     \
  { sizeof(closs_context_options), NULL, {NULL, NULL, NULL}, NULL, NULL, {NULL, NULL, NULL}, NULL, 0, NULL, 0, false }

/**
 * Makes a context for one device of an OpenCL context. Both are retained until closs_context_destroy().
 * Asks the device what it can do; compiles and runs nothing, but for the self-test that options->self_test asks for.
 * @param options  NULL: all defaults
 * @param[out] context  set to NULL on failure
 * @return CLOSS_INVALID_ARGUMENT, CLOSS_OUT_OF_MEMORY or CLOSS_OPENCL_ERROR; with a self-test CLOSS_SELF_TEST_FAILED
 * and CLOSS_COMPILE_FAILED too
 */
CLOSS_API closs_status closs_context_create(cl_context opencl_context, cl_device_id device,
                                            const closs_context_options *options, closs_context **context,
                                            closs_error *error);

/** Frees a context and its programs. Its plans must be destroyed before. NULL is allowed. */
CLOSS_API void closs_context_destroy(closs_context *context);

/** The class as far as it is known, to the context or its caches; compiles and runs nothing. Thread-safe. */
CLOSS_API closs_device_class closs_context_class(const closs_context *context);

/**
 * Finds out the device's class, where neither the context nor its caches know it, by compiling and running the probe
 * kernel; later calls answer from memory. Blocks.
 * Thread-safe.
 * @param[out] device_class  may be NULL
 */
CLOSS_API closs_status closs_context_probe(closs_context *context, closs_device_class *device_class,
                                           closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
