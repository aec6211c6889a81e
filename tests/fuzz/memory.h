/* The buffers of a descriptor in host memory, and the reference's computation there. */
#ifndef TESTS_FUZZ_MEMORY_H
#define TESTS_FUZZ_MEMORY_H

#include "descriptor.h"

typedef struct fuzz_memory {
  size_t size[FUZZ_ROOTS];
  unsigned char *bytes[FUZZ_ROOTS]; /* a block each, of just these sizes */
} fuzz_memory;

/* Whether buffers and arrays are small enough for thousands of them. */
bool fuzz_is_small(const closs_request *request, const fuzz_places *places);

/* Blocks with bytes that are numbers of any type, mostly finite ones. */
fuzz_memory fuzz_memory_make(const fuzz_places *places);
fuzz_memory fuzz_memory_copy(const fuzz_memory *memory);
void fuzz_memory_free(fuzz_memory *memory);

/* Computes in the blocks; fails unless the reference takes the descriptor and leaves every other byte alone. */
void fuzz_reference(const fuzz_descriptor *descriptor, const closs_request *request, const fuzz_places *places,
                    fuzz_memory *memory);

#endif
