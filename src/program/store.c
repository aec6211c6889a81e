#include "program/store.h"

#include "base/allocate.h"
#include "program/disk.h"
#include "program/entry.h"

bool closs_store_exists(const closs_context *context) {
  return context->cache.get != NULL || context->disk != NULL;
}

/* The caller's entry as it is; NULL: none. */
static unsigned char *ask_caller(const closs_context *context, const char *key, size_t *size) {
  const closs_cache *cache = &context->cache;
  *size = cache->get != NULL ? cache->get(cache->user, key, NULL, 0) : 0;
  unsigned char *bytes = *size > 0 ? closs_allocate(&context->allocator, *size) : NULL;
  if (bytes != NULL && cache->get(cache->user, key, bytes, *size) != *size) { /* replaced in between */
    closs_release(&context->allocator, bytes);
    bytes = NULL;
  }
  return bytes;
}

/* Takes over bytes from a cache; false, and the bytes are released, where they are no good. */
static bool accept(const closs_context *context, const char *key, unsigned char *bytes, size_t size, const char *where,
                   closs_kept *kept) {
  closs_entry entry;
  if (bytes == NULL) {
    return false;
  }
  if (!closs_entry_read(bytes, size, key, &entry)) {
    closs_log(context, CLOSS_LOG_WARNING, "%s: an entry of %zu bytes is damaged, and not used", where, size);
    closs_release(&context->allocator, bytes);
    return false;
  }
  *kept = (closs_kept){bytes, entry.payload, entry.payload_size};
  return true;
}

bool closs_store_get(const closs_context *context, const char *key, closs_kept *kept) {
  size_t size = 0;
  unsigned char *bytes = ask_caller(context, key, &size);
  if (accept(context, key, bytes, size, "the caller's cache", kept)) {
    return true;
  }
  bytes = context->disk != NULL ? closs_disk_read(context, context->disk, key, &size) : NULL;
  return accept(context, key, bytes, size, "the disk cache", kept);
}

void closs_store_put(const closs_context *context, const char *key, const void *payload, size_t size) {
  size_t total = closs_entry_size(key, size);
  unsigned char *bytes = closs_allocate(&context->allocator, total);
  if (bytes == NULL) {
    closs_log(context, CLOSS_LOG_INFO, "cache: no memory for an entry of %zu bytes", total);
    return;
  }
  closs_entry_write(bytes, key, payload, size);
  if (context->cache.set != NULL) {
    context->cache.set(context->cache.user, key, bytes, total);
  }
  if (context->disk != NULL) {
    closs_disk_write(context, context->disk, key, bytes, total);
  }
  closs_release(&context->allocator, bytes);
}
