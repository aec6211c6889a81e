#include "program/entry.h"

#include <string.h>

#include "base/sha256.h"

enum { MAGIC_BYTES = 16, SIZE_AT = 16, KEY_SIZE_AT = 24, CHECKSUM_AT = 32 };
static const char magic[MAGIC_BYTES] = "closs entry 1\n";

void closs_write_u64(unsigned char *bytes, uint64_t value) {
  for (int i = 0; i < 8; i++) {
    bytes[i] = (unsigned char)(value >> (8 * i));
  }
}

uint64_t closs_read_u64(const unsigned char *bytes) {
  uint64_t value = 0;
  for (int i = 8; i-- > 0;) {
    value = value << 8 | bytes[i];
  }
  return value;
}

static void checksum(const unsigned char *bytes, size_t size, unsigned char digest[CLOSS_SHA256_BYTES]) {
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, bytes, CHECKSUM_AT);
  closs_sha256_add(&hash, bytes + CLOSS_ENTRY_HEADER, size - CLOSS_ENTRY_HEADER);
  closs_sha256_end(&hash, digest);
}

size_t closs_entry_size(const char *key, size_t payload_size) {
  return CLOSS_ENTRY_HEADER + strlen(key) + payload_size;
}

void closs_entry_write(unsigned char *bytes, const char *key, const void *payload, size_t payload_size) {
  size_t size = closs_entry_size(key, payload_size);
  memset(bytes, 0, CLOSS_ENTRY_HEADER);
  memcpy(bytes, magic, MAGIC_BYTES);
  closs_write_u64(bytes + SIZE_AT, size);
  closs_write_u64(bytes + KEY_SIZE_AT, strlen(key));
  memcpy(bytes + CLOSS_ENTRY_HEADER, key, strlen(key));
  memcpy(bytes + CLOSS_ENTRY_HEADER + strlen(key), payload, payload_size);
  checksum(bytes, size, bytes + CHECKSUM_AT);
}

bool closs_entry_peek(const unsigned char header[CLOSS_ENTRY_HEADER], uint64_t *key_size, uint64_t *size) {
  *size = closs_read_u64(header + SIZE_AT);
  *key_size = closs_read_u64(header + KEY_SIZE_AT);
  return memcmp(header, magic, MAGIC_BYTES) == 0 && *size >= CLOSS_ENTRY_HEADER &&
         *key_size <= *size - CLOSS_ENTRY_HEADER;
}

bool closs_entry_read(const unsigned char *bytes, size_t size, const char *key, closs_entry *entry) {
  uint64_t key_size = 0, total = 0;
  unsigned char digest[CLOSS_SHA256_BYTES];
  if (size < CLOSS_ENTRY_HEADER || !closs_entry_peek(bytes, &key_size, &total) || total != size) {
    return false;
  }
  checksum(bytes, size, digest);
  entry->key = (const char *)bytes + CLOSS_ENTRY_HEADER;
  entry->key_size = (size_t)key_size;
  entry->payload = bytes + CLOSS_ENTRY_HEADER + entry->key_size;
  entry->payload_size = size - CLOSS_ENTRY_HEADER - entry->key_size;
  return memcmp(digest, bytes + CHECKSUM_AT, sizeof digest) == 0 && entry->key_size == strlen(key) &&
         memcmp(entry->key, key, entry->key_size) == 0;
}
