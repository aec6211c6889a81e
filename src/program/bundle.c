#include "program/bundle.h"

#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "base/sha256.h"
#include "program/entry.h"
#include "program/key.h"

enum { MAGIC_BYTES = 16, HEADER = 80, CHECKSUM_AT = 48, ROW = 96, NUMBERS = 7, DIGEST_AT = 64 };
static const char magic[MAGIC_BYTES] = "closs bundle 1\n";

/* The numbers of a row, in order. */
enum { KEY_AT, KEY_SIZE, PREFIX_AT, PREFIX_SIZE, PAYLOAD_AT, PAYLOAD_SIZE, FLAGS };

static void digest_of(const unsigned char *bytes, size_t size, unsigned char digest[CLOSS_SHA256_BYTES]) {
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, bytes, size);
  closs_sha256_end(&hash, digest);
}

static void digest_of_head(const unsigned char *bundle, size_t head, unsigned char digest[CLOSS_SHA256_BYTES]) {
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, bundle, CHECKSUM_AT);
  closs_sha256_add(&hash, bundle + HEADER, head - HEADER);
  closs_sha256_end(&hash, digest);
}

static uint64_t number(const unsigned char *row, int which) {
  return closs_read_u64(row + 8 * which);
}

static bool is_within(uint64_t at, uint64_t size, uint64_t low, uint64_t high) {
  return at >= low && at <= high && size <= high - at;
}

closs_status closs_bundle_check(const void *bundle, size_t size, closs_error *error) {
  const unsigned char *bytes = bundle;
  unsigned char digest[CLOSS_SHA256_BYTES];
  if (size < HEADER || memcmp(bytes, magic, MAGIC_BYTES) != 0) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "bundle: %zu bytes that are no bundle of closs %s", size,
                      CLOSS_VERSION);
  }
  uint64_t total = closs_read_u64(bytes + 16), rows = closs_read_u64(bytes + 24), head = closs_read_u64(bytes + 32);
  bool good = total == size && head >= HEADER && head <= total && rows <= (head - HEADER) / ROW;
  if (good) {
    digest_of_head(bytes, (size_t)head, digest);
    good = memcmp(digest, bytes + CHECKSUM_AT, sizeof digest) == 0;
  }
  for (uint64_t i = 0; i < rows && good; i++) {
    const unsigned char *row = bytes + HEADER + i * ROW;
    good = is_within(number(row, KEY_AT), number(row, KEY_SIZE), HEADER, head) &&
           is_within(number(row, PREFIX_AT), number(row, PREFIX_SIZE), HEADER, head) &&
           is_within(number(row, PAYLOAD_AT), number(row, PAYLOAD_SIZE), head, total);
  }
  return good ? CLOSS_OK
              : closs_fail(error, CLOSS_INVALID_ARGUMENT, "bundle: damaged: %zu bytes, of %llu that it says it has",
                           size, (unsigned long long)total);
}

bool closs_bundle_find(const void *bundle, const char *key, closs_bundle_row *found, bool *damaged) {
  const unsigned char *bytes = bundle;
  uint64_t rows = bundle != NULL ? closs_read_u64(bytes + 24) : 0;
  *damaged = false;
  for (uint64_t i = 0; i < rows; i++) {
    const unsigned char *row = bytes + HEADER + i * ROW;
    unsigned char digest[CLOSS_SHA256_BYTES];
    if (number(row, KEY_SIZE) != strlen(key) || memcmp(bytes + number(row, KEY_AT), key, strlen(key)) != 0) {
      continue;
    }
    *found = (closs_bundle_row){(const char *)bytes + number(row, KEY_AT),
                                (size_t)number(row, KEY_SIZE),
                                (const char *)bytes + number(row, PREFIX_AT),
                                (size_t)number(row, PREFIX_SIZE),
                                bytes + number(row, PAYLOAD_AT),
                                (size_t)number(row, PAYLOAD_SIZE),
                                (unsigned)number(row, FLAGS)};
    digest_of(found->payload, found->payload_size, digest);
    *damaged = memcmp(digest, row + DIGEST_AT, sizeof digest) != 0;
    return !*damaged;
  }
  return false;
}

/* Whether two keys are those of one program, here or elsewhere. */
static bool same_variant(const char *a, size_t a_size, const char *b, size_t b_size) {
  const char *first = NULL, *second = NULL;
  size_t length = closs_key_line(a, a_size, "variant", &first);
  return length > 0 && closs_key_line(b, b_size, "variant", &second) == length && memcmp(first, second, length) == 0;
}

static int line_length(const char *at, const char *end) {
  const char *stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
  return (int)((stop != NULL ? stop : end) - at);
}

bool closs_bundle_differs(const void *bundle, const char *key, char *text, size_t size) {
  const unsigned char *bytes = bundle;
  const uint64_t rows = bundle != NULL ? closs_read_u64(bytes + 24) : 0;
  for (uint64_t i = 0; i < rows; i++) {
    const unsigned char *row = bytes + HEADER + i * ROW;
    const char *at = (const char *)bytes + number(row, KEY_AT), *end = at + number(row, KEY_SIZE);
    const char *wanted = key, *wanted_end = key + strlen(key);
    if (!same_variant(at, (size_t)(end - at), key, strlen(key))) {
      continue;
    }
    while (at < end && wanted < wanted_end) {
      const int has = line_length(at, end), expected = line_length(wanted, wanted_end);
      if (has != expected || memcmp(at, wanted, (size_t)has) != 0) {
        snprintf(text, size, "for '%.*s', expected '%.*s'", has, at, expected, wanted);
        return true;
      }
      at += has + (at + has < end);
      wanted += expected + (wanted + expected < wanted_end);
    }
  }
  return false;
}

/* The first row whose payload is this one's. */
static size_t sharer(const closs_bundle_row *rows, size_t i) {
  size_t first = 0;
  while (rows[first].payload != rows[i].payload) {
    first++;
  }
  return first;
}

void *closs_bundle_write(const closs_allocator *allocator, const closs_bundle_row *rows, size_t count, size_t *size) {
  size_t head = HEADER + count * ROW, total;
  for (size_t i = 0; i < count; i++) {
    head += rows[i].key_size + rows[i].prefix_size;
  }
  total = head;
  for (size_t i = 0; i < count; i++) {
    total += sharer(rows, i) == i ? rows[i].payload_size : 0;
  }
  unsigned char *bytes = closs_allocate(allocator, total);
  if (bytes == NULL) {
    return NULL;
  }
  size_t text = HEADER + count * ROW, payload = head;
  for (size_t i = 0; i < count; i++) {
    unsigned char *row = bytes + HEADER + i * ROW;
    size_t first = sharer(rows, i);
    size_t at = first == i ? payload : (size_t)number(bytes + HEADER + first * ROW, PAYLOAD_AT);
    const uint64_t numbers[NUMBERS] = {
        text, rows[i].key_size, text + rows[i].key_size, rows[i].prefix_size, at, rows[i].payload_size, rows[i].flags};
    for (int n = 0; n < NUMBERS; n++) {
      closs_write_u64(row + 8 * n, numbers[n]);
    }
    memcpy(bytes + text, rows[i].key, rows[i].key_size);
    memcpy(bytes + text + rows[i].key_size, rows[i].prefix, rows[i].prefix_size);
    text += rows[i].key_size + rows[i].prefix_size;
    if (first == i) {
      memcpy(bytes + payload, rows[i].payload, rows[i].payload_size);
      payload += rows[i].payload_size;
    }
    digest_of(bytes + at, rows[i].payload_size, row + DIGEST_AT);
  }
  memcpy(bytes, magic, MAGIC_BYTES);
  closs_write_u64(bytes + 16, total);
  closs_write_u64(bytes + 24, count);
  closs_write_u64(bytes + 32, head);
  digest_of_head(bytes, head, bytes + CHECKSUM_AT);
  *size = total;
  return bytes;
}
