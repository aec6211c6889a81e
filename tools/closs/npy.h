/* The .npy format of NumPy (numpy.lib.format), versions 1 to 3. */
#ifndef PROGRAM_NPY_H
#define PROGRAM_NPY_H

#include <stddef.h>

#include "closs/types.h"
#include "failure.h"

/* What a file's header says. */
struct npy_header {
  closs_tensor tensor; /* strides say whether it is in C or Fortran order */
  size_t data_offset;  /* of the first element, from the beginning of the file */
  size_t data_bytes;
  bool swapped; /* elements have the other byte order than the host */
};

/* Whether bytes begin as an .npy file does. */
bool npy_is(const void *bytes, size_t size);

/*
 * Reads the header of a whole file in memory, and checks that its elements are all there; bytes behind them are
 * ignored, as NumPy does. `what` begins error texts. Safe with any bytes.
 */
bool npy_parse(const char *what, const void *bytes, size_t size, struct npy_header *header, struct failure *failure);

/* Turns the bytes of `count` elements around, in place (of a complex number those of each component). */
void npy_swap(closs_dtype dtype, void *elements, size_t count);

/* The most bytes that npy_write_header() writes. */
#define NPY_HEADER_MAX 384

/* Writes the header of a tensor in C order (version 1, the bytes that NumPy writes); returns its bytes. No bf16. */
size_t npy_write_header(char header[NPY_HEADER_MAX], const closs_tensor *tensor);

#endif
