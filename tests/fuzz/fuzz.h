/*
 * What the targets share. A target is one file with LLVMFuzzerTestOneInput(): it hands any bytes to a reader, and calls
 * abort() where the reader's promise is broken. It is linked with driver.c, or with libFuzzer (tools/fuzz.sh).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Says what is wrong, and ends the process: FUZZ_CHECK(used <= size, "%zu of %zu bytes", used, size). */
#define FUZZ_CHECK(condition, ...)                                                                                     \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                                  \
      fprintf(stderr, __VA_ARGS__);                                                                                    \
      fputc('\n', stderr);                                                                                             \
      abort();                                                                                                         \
    }                                                                                                                  \
  } while (0)

/* calloc() of at least one byte that cannot fail. */
static inline void *fuzz_allocate(size_t bytes) {
  void *memory = calloc(bytes > 0 ? bytes : 1, 1);
  FUZZ_CHECK(memory != NULL, "no memory for %zu bytes", bytes);
  return memory;
}

/* Bytes in a block of their own, so that a sanitizer sees a read beyond them; behind them `more` zeros. */
static inline void *fuzz_copy(const void *bytes, size_t size, size_t more) {
  char *copy = fuzz_allocate(size + more);
  if (size > 0) memcpy(copy, bytes, size);
  return copy;
}

/* An input that is taken apart: zeros come behind its end. */
typedef struct fuzz_input {
  const uint8_t *at;
  size_t left;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

/* Least significant byte first. */
static inline uint64_t fuzz_u64(fuzz_input *input) {
  uint64_t value = 0;
  for (int i = 0; i < 8; i++)
    value |= (uint64_t)fuzz_byte(input) << (8 * i);
  return value;
}

/* The bytes up to the next zero, as a text from malloc(). */
static inline char *fuzz_text(fuzz_input *input) {
  const uint8_t *end = input->left > 0 ? memchr(input->at, 0, input->left) : NULL;
  const size_t length = end != NULL ? (size_t)(end - input->at) : input->left;
  char *text = fuzz_copy(input->at, length, 1);
  input->at += end != NULL ? length + 1 : length;
  input->left -= end != NULL ? length + 1 : length;
  return text;
}

#endif
