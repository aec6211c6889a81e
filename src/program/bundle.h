/*
 * Bundles: programs under their keys in one piece of memory (include/closs/bundle.h).
 *
 *     0  "closs bundle 1\n" and a zero
 *    16  bytes in all; 24 number of rows; 32 bytes of the head (header, rows and texts); 40 zero
 *    48  SHA-256 of the head but for itself
 *    80  rows of 96 bytes: place and size of the key, of the prefix of its kernels' names, and of the payload; flags;
 *        zero; SHA-256 of the payload
 *        then texts, then payloads, which rows may share
 *
 * Numbers have 64 bits, the least significant byte first.
 */
#ifndef CLOSS_PROGRAM_BUNDLE_H
#define CLOSS_PROGRAM_BUNDLE_H

#include "closs/bundle.h"

#define CLOSS_BUNDLE_SINGLE 1u /* the kernels do all work with one work-item */
#define CLOSS_BUNDLE_IMAGE 2u  /* the payload came from a vendor's compiler, and takes no options */

/* One row. As found, texts have no end. */
typedef struct closs_bundle_row {
  const char *key;
  size_t key_size;
  const char *prefix; /* of kernels' names */
  size_t prefix_size;
  const unsigned char *payload;
  size_t payload_size;
  unsigned flags;
} closs_bundle_row;

/* Checks the head: everything but the payloads. CLOSS_INVALID_ARGUMENT where it is no undamaged bundle. */
closs_status closs_bundle_check(const void *bundle, size_t size, closs_error *error);

/* Finds a key in a checked bundle; false where it is not there, or `damaged` its payload is. */
bool closs_bundle_find(const void *bundle, const char *key, closs_bundle_row *row, bool *damaged);

/* Why a key is not in a checked bundle, where that has the same program for something else: "for 'driver version 6',
 * expected 'driver version 7'". */
bool closs_bundle_differs(const void *bundle, const char *key, char *text, size_t size);

/* The bundle of some rows, from the allocator; NULL without memory. Equal payload pointers are written once. */
void *closs_bundle_write(const closs_allocator *allocator, const closs_bundle_row *rows, size_t count, size_t *size);

#endif
