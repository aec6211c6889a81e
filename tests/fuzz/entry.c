/*
 * Entries of the disk cache: the file of a key holds any bytes, as they are and with their checksum made good. The
 * input is the key up to a zero, then the file.
 */
#include "program/entry.h"

#include <unistd.h>

#include "base/allocate.h"
#include "base/sha256.h"
#include "fuzz.h"
#include "program/disk.h"
#include "program/key.h"
#include "program/store.h"

enum { CHECKSUM_AT = 32 };

static char folder[64];
static closs_context context; /* no allocator, no log, no OpenCL: a disk cache alone */

static void close_folder(void) {
  closs_disk_close(&context, context.disk);
  closs_disk_clear(folder, NULL);
  rmdir(folder);
}

static void open_folder(void) {
  const char *temporary = getenv("TMPDIR");
  closs_error error;
  snprintf(folder, sizeof folder, "%.40s/closs-fuzz-XXXXXX", temporary != NULL ? temporary : "/tmp");
  FUZZ_CHECK(mkdtemp(folder) != NULL, "%s", folder);
  closs_disk_open(&context, folder, UINT64_C(1) << 30, &context.disk, &error);
  FUZZ_CHECK(context.disk != NULL, "%s", folder);
  atexit(close_folder);
}

static void sign(uint8_t *bytes, size_t size) {
  closs_sha256 hash;
  if (size < CLOSS_ENTRY_HEADER) return;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, bytes, CHECKSUM_AT);
  closs_sha256_add(&hash, bytes + CLOSS_ENTRY_HEADER, size - CLOSS_ENTRY_HEADER);
  closs_sha256_end(&hash, bytes + CHECKSUM_AT);
}

static void visit(void *user, const closs_cache_entry *entry) {
  FUZZ_CHECK(strlen(entry->device) < 520 && strlen(entry->variant) < 128 && entry->bytes == *(const size_t *)user,
             "%s, %s, %llu bytes", entry->device, entry->variant, (unsigned long long)entry->bytes);
}

/* What is given under the key is the payload of an entry that says so; else there is nothing. */
static void read_entry(const char *key, const uint8_t *bytes, size_t size) {
  closs_entry entry;
  closs_kept kept;
  const bool good = closs_entry_read(bytes, size, key, &entry);
  char *other = fuzz_copy(key, strlen(key), 1);
  if (other[0] != 0) {
    other[strlen(key) - 1] = 0;
    FUZZ_CHECK(!good || !closs_entry_read(bytes, size, other, &(closs_entry){0}), "'%s' is not '%s'", key, other);
  }
  free(other);
  if (good)
    FUZZ_CHECK(entry.key_size == strlen(key) && memcmp(entry.key, key, entry.key_size) == 0 &&
                   entry.payload + entry.payload_size == bytes + size && entry.payload_size <= size,
               "%zu bytes of %zu", entry.payload_size, size);
  closs_disk_write(&context, context.disk, key, bytes, size);
  const bool found = closs_store_get(&context, key, &kept);
  FUZZ_CHECK(found == good, "of a file: %d, in memory: %d", found, good);
  if (!found) return;
  FUZZ_CHECK(kept.size == entry.payload_size && memcmp(kept.payload, entry.payload, kept.size) == 0, "other bytes");
  closs_release(&context.allocator, kept.bytes);
}

/* What is kept under a key is found under it. */
static void keep(const char *key, const uint8_t *payload, size_t size) {
  closs_kept kept;
  closs_store_put(&context, key, payload, size);
  FUZZ_CHECK(closs_store_get(&context, key, &kept), "'%s' is gone", key);
  FUZZ_CHECK(kept.size == size && (size == 0 || memcmp(kept.payload, payload, size) == 0), "other bytes");
  closs_release(&context.allocator, kept.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input input = {data, size};
  char *key = fuzz_text(&input);
  uint8_t *bytes = fuzz_copy(input.at, input.left, 0);
  const char *line;
  if (context.disk == NULL) open_folder();
  read_entry(key, bytes, input.left);
  sign(bytes, input.left);
  read_entry(key, bytes, input.left);
  FUZZ_CHECK(closs_disk_list(folder, visit, &input.left, NULL, NULL) == CLOSS_OK, "%s", folder);
  const size_t length = closs_key_line((const char *)bytes, input.left, "device", &line);
  if (length > 0)
    FUZZ_CHECK(line >= (const char *)bytes && line + length <= (const char *)bytes + input.left, "a line outside");
  keep(key, bytes, input.left);
  closs_disk_clear(folder, NULL);
  free(bytes);
  free(key);
  return 0;
}
