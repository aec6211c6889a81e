/* Bundles: as they are, and with their checksums made good, so that changes reach what is behind them. */
#include "program/bundle.h"
#include "base/sha256.h"
#include "fuzz.h"
#include "program/entry.h"

/* The layout that program/bundle.h describes. */
enum { HEADER = 80, ROW = 96, CHECKSUM_AT = 48, PAYLOAD_AT = 32, DIGEST_AT = 64, MOST_ROWS = 64 };

static void digest(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size, uint8_t *result) {
  closs_sha256 hash;
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, a, a_size);
  closs_sha256_add(&hash, b, b_size);
  closs_sha256_end(&hash, result);
}

static void sign(uint8_t *bytes, size_t size) {
  if (size < HEADER) return;
  const uint64_t rows = closs_read_u64(bytes + 24), head = closs_read_u64(bytes + 32);
  for (uint64_t i = 0; i < rows && i < (size - HEADER) / ROW; i++) {
    uint8_t *row = bytes + HEADER + i * ROW;
    const uint64_t at = closs_read_u64(row + PAYLOAD_AT), count = closs_read_u64(row + PAYLOAD_AT + 8);
    if (at <= size && count <= size - at) digest(bytes + at, (size_t)count, bytes, 0, row + DIGEST_AT);
  }
  if (head >= HEADER && head <= size)
    digest(bytes, CHECKSUM_AT, bytes + HEADER, (size_t)head - HEADER, bytes + CHECKSUM_AT);
}

static bool is_within(const void *part, size_t part_size, const uint8_t *bytes, size_t size) {
  const uint8_t *at = part;
  return at >= bytes && at <= bytes + size && part_size <= (size_t)(bytes + size - at);
}

/* Every key of a checked bundle is found, or its payload is damaged; returns the rows, as far as there is room, with
 * payloads of their own. */
static size_t find_all(const uint8_t *bytes, size_t size, closs_bundle_row rows[MOST_ROWS]) {
  const uint64_t count = closs_read_u64(bytes + 24);
  size_t found_count = 0;
  bool damaged = false;
  for (uint64_t i = 0; i < count && i < MOST_ROWS; i++) {
    const uint8_t *row = bytes + HEADER + i * ROW;
    closs_bundle_row found;
    char *key = fuzz_copy(bytes + closs_read_u64(row), (size_t)closs_read_u64(row + 8), 1);
    if (closs_bundle_find(bytes, key, &found, &damaged)) {
      FUZZ_CHECK(found.key_size == strlen(key) && memcmp(found.key, key, found.key_size) == 0, "another key");
      FUZZ_CHECK(is_within(found.key, found.key_size, bytes, size) &&
                     is_within(found.prefix, found.prefix_size, bytes, size) &&
                     is_within(found.payload, found.payload_size, bytes, size),
                 "row %llu lies outside", (unsigned long long)i);
      found.payload = fuzz_copy(found.payload, found.payload_size, 0);
      rows[found_count++] = found;
    } else {
      FUZZ_CHECK(damaged || strlen(key) != closs_read_u64(row + 8), "'%s' is not found", key);
    }
    free(key);
  }
  FUZZ_CHECK(!closs_bundle_find(bytes, "no key", &(closs_bundle_row){0}, &damaged) || count > 0, "a key of no row");
  return found_count;
}

/* Rows written again are found again. */
static void write_again(const closs_bundle_row *rows, size_t count) {
  const closs_allocator allocator = {NULL, NULL, NULL};
  size_t size = 0;
  void *bundle = closs_bundle_write(&allocator, rows, count, &size);
  closs_error error = {CLOSS_OK, 0, ""};
  FUZZ_CHECK(bundle != NULL && closs_bundle_check(bundle, size, &error) == CLOSS_OK, "%s", error.text);
  for (size_t i = 0; i < count; i++) {
    closs_bundle_row found;
    bool damaged = false;
    char *key = fuzz_copy(rows[i].key, rows[i].key_size, 1);
    FUZZ_CHECK(closs_bundle_find(bundle, key, &found, &damaged) && found.payload_size == rows[i].payload_size &&
                   found.prefix_size == rows[i].prefix_size && found.flags == rows[i].flags &&
                   (found.payload_size == 0 || memcmp(found.payload, rows[i].payload, found.payload_size) == 0),
               "row %zu is another", i);
    free(key);
  }
  free(bundle);
}

static void read_bundle(const uint8_t *bytes, size_t size) {
  closs_bundle_row rows[MOST_ROWS];
  closs_error error = {CLOSS_OK, 0, ""};
  const closs_status status = closs_bundle_check(bytes, size, &error);
  FUZZ_CHECK(status == error.status && (status == CLOSS_OK || strncmp(error.text, "bundle: ", 8) == 0), "%s",
             error.text);
  if (status != CLOSS_OK) return;
  const size_t count = find_all(bytes, size, rows);
  write_again(rows, count);
  for (size_t i = 0; i < count; i++)
    free((void *)(uintptr_t)rows[i].payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *bytes = fuzz_copy(data, size, 0);
  read_bundle(bytes, size);
  sign(bytes, size);
  read_bundle(bytes, size);
  free(bytes);
  return 0;
}
