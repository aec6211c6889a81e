/**
 * @file cache.h
 * Where compiled programs, and the device's class, stay when a context is gone.
 *
 * closs_plan_prepare() looks for a program in this order: the context's memory, the bundle (bundle.h), the caller's own
 * cache, the disk cache, and last it compiles. A bundle comes before both caches: it is in memory already, and it is
 * what the application chose for its device. Each is an option of the context, and none is used unless it is given:
 * the library reads no environment variable and touches no disk by itself.
 *
 * What is found is checked (SHA-256) and its whole key compared before a driver sees a byte of it: drivers crash on
 * damaged binaries, or compute wrong results. Whatever fails on the way costs time only: the next place is tried, and
 * the log (context.h) says so.
 */
#ifndef CLOSS_CACHE_H
#define CLOSS_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "closs/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup kept Compiled programs that outlive a context
 * @{ */

/**
 * A cache of the caller's: a database, an archive, a memory that several contexts share. Both functions may be called
 * by several threads at once, also with the same key.
 *
 * A key is a text of a few lines that names all that the entry depends on. It may be hashed to find a place: entries
 * hold their key, and closs compares it.
 */
typedef struct closs_cache {
  void *user; /**< the first argument of both */
  /**
   * Copies the entry of a key to `data` where it has at most `capacity` bytes. Asked first with capacity 0.
   * @return the entry's size; 0: there is none
   */
  size_t (*get)(void *user, const char *key, void *data, size_t capacity);
  /** Keeps an entry, in place of an older one of this key. May drop it at any time, or at once. */
  void (*set)(void *user, const char *key, const void *data, size_t size);
} closs_cache;

/** The disk cache's size limit where the options name none. */
#define CLOSS_CACHE_LIMIT (UINT64_C(256) << 20)

/**
 * The folder that the closs program uses: $CLOSS_CACHE_DIR, else $XDG_CACHE_HOME/closs, else $HOME/.cache/closs.
 * Empty where $CLOSS_CACHE is 0, or none of them is set; an $XDG_CACHE_HOME or $HOME that is no absolute path counts as
 * not set. Reads the environment; creates nothing.
 * @param[out] path  room for `size` bytes
 * @return CLOSS_INVALID_ARGUMENT where the folder's name does not fit
 */
CLOSS_API closs_status closs_cache_default_directory(char *path, size_t size, closs_error *error);

/** One entry of a disk cache. The texts are valid during the visit. */
typedef struct closs_cache_entry {
  const char *device;  /**< "platform: device" */
  const char *variant; /**< what it is, e.g. "l1 contiguous_f32 pass", or "class" */
  uint64_t bytes;      /**< of the file */
  int64_t used;        /**< the last use, in seconds since 1970-01-01 UTC */
} closs_cache_entry;

/**
 * Visits the entries of a disk cache, the one used last first. A folder that does not exist has none.
 * @param[out] bytes  NULL, or set to the bytes of all
 * @return CLOSS_INVALID_ARGUMENT where the folder can't be used (not private, no folder) or read, CLOSS_OUT_OF_MEMORY
 */
CLOSS_API closs_status closs_cache_list(const char *directory,
                                        void (*visit)(void *user, const closs_cache_entry *entry), void *user,
                                        uint64_t *bytes, closs_error *error);

/** Removes the entries of a disk cache, and nothing else that may be in the folder. Errors as closs_cache_list(). */
CLOSS_API closs_status closs_cache_clear(const char *directory, closs_error *error);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
