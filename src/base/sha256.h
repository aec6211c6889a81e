/* SHA-256 (FIPS 180-4). */
#ifndef CLOSS_BASE_SHA256_H
#define CLOSS_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define CLOSS_SHA256_BYTES 32
#define CLOSS_SHA256_TEXT (2 * CLOSS_SHA256_BYTES + 1)

typedef struct closs_sha256 {
  uint32_t state[8];
  uint64_t bytes; /* added so far */
  unsigned char block[64];
} closs_sha256;

void closs_sha256_start(closs_sha256 *hash);
void closs_sha256_add(closs_sha256 *hash, const void *data, size_t bytes);
void closs_sha256_end(closs_sha256 *hash, unsigned char digest[CLOSS_SHA256_BYTES]);

/* In hexadecimal, lower case, with an end. */
void closs_sha256_text(const unsigned char digest[CLOSS_SHA256_BYTES], char text[CLOSS_SHA256_TEXT]);

#endif
