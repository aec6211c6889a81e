/* Plan options and places in buffers, out of any bytes: most of them such that the library takes them. */
#ifndef TESTS_FUZZ_DESCRIPTOR_H
#define TESTS_FUZZ_DESCRIPTOR_H

#include "check/request.h"
#include "fuzz.h"

/* Buffers that arrays lie in. The last two are parts of the first, as sub-buffers are. */
enum { FUZZ_ROOTS = 4, FUZZ_PARTS = 2, FUZZ_BUFFERS = FUZZ_ROOTS + FUZZ_PARTS };

typedef struct fuzz_descriptor {
  closs_plan_options options; /* points to what follows */
  closs_parameter parameter;
  closs_tensor weight, upstream, loss, gradients[2];
  double upstream_value;
} fuzz_descriptor;

/* Where the arrays of a request lie. */
typedef struct fuzz_places {
  uint64_t size[FUZZ_BUFFERS];  /* bytes */
  uint64_t begin[FUZZ_BUFFERS]; /* of a part, in its root; else 0 */
  unsigned buffer[CLOSS_SLOT_COUNT];
  uint64_t offset[CLOSS_SLOT_COUNT]; /* in elements */
} fuzz_places;

void fuzz_describe(fuzz_input *input, fuzz_descriptor *descriptor);

/* Places that mostly hold what the request's strides reach. */
void fuzz_place(fuzz_input *input, const closs_request *request, fuzz_places *places);

/* The buffer that one is a part of: itself, or the first. */
unsigned fuzz_root(unsigned buffer);

#endif
