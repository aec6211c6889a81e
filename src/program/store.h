/* What is kept outside of a context: the caller's cache, then the disk's. Everything that comes back was checked. */
#ifndef CLOSS_PROGRAM_STORE_H
#define CLOSS_PROGRAM_STORE_H

#include "device/context.h"

/* A payload that was found; `bytes` is released by closs_release(). */
typedef struct closs_kept {
  unsigned char *bytes;
  const unsigned char *payload;
  size_t size;
} closs_kept;

/* Whether the context has a cache of either kind. */
bool closs_store_exists(const closs_context *context);

/* False where neither cache has an undamaged entry of this key. */
bool closs_store_get(const closs_context *context, const char *key, closs_kept *kept);

/* Hands a payload to both. What fails is logged. */
void closs_store_put(const closs_context *context, const char *key, const void *payload, size_t size);

#endif
