/*
 * What is kept under a key outside of a context, as bytes: the whole key, the payload, and a checksum over both.
 *
 *     0  "closs entry 1\n" and two zeros
 *    16  bytes in all, 24 bytes of the key: 64 bits each, least significant byte first
 *    32  SHA-256 of all but itself
 *    64  the key (text, no end), then the payload
 *
 * Drivers crash on damaged binaries, or compute wrong results: no payload is used before closs_entry_read() has
 * accepted it.
 */
#ifndef CLOSS_PROGRAM_ENTRY_H
#define CLOSS_PROGRAM_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOSS_ENTRY_HEADER 64

/* Where the parts are in the bytes of an entry. */
typedef struct closs_entry {
  const char *key;
  size_t key_size;
  const unsigned char *payload;
  size_t payload_size;
} closs_entry;

size_t closs_entry_size(const char *key, size_t payload_size);
void closs_entry_write(unsigned char *bytes, const char *key, const void *payload, size_t payload_size);

/* Finds the parts; false where the bytes are no undamaged entry, or its key is not this one. */
bool closs_entry_read(const unsigned char *bytes, size_t size, const char *key, closs_entry *entry);

/* Of the first bytes of an entry: how many bytes its key has, and all of it; false where they begin none. */
bool closs_entry_peek(const unsigned char header[CLOSS_ENTRY_HEADER], uint64_t *key_size, uint64_t *size);

/* 64-bit numbers as entries and bundles have them. */
void closs_write_u64(unsigned char *bytes, uint64_t value);
uint64_t closs_read_u64(const unsigned char *bytes);

#endif
