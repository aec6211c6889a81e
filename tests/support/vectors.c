#include "vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const array_names[TEST_VECTOR_ARRAYS] = {"input", "target",     "weight",     "grad_output",
                                                            "loss",  "grad_input", "grad_target"};

static bool find_dtype(const char *name, closs_dtype *dtype) {
  for (int i = 1; i < CLOSS_DTYPE_END; ++i)
    if (!strcmp(name, closs_dtype_name((closs_dtype)i))) {
      *dtype = (closs_dtype)i;
      return true;
    }
  return false;
}

static bool parse_case(const char *line, test_vector *vector) {
  char loss[24], parameter[40], reduction[8], dtype[8];
  memset(vector, 0, sizeof *vector);
  if (sscanf(line, "case %47s %23s %39s %7s %7s", vector->name, loss, parameter, reduction, dtype) != 5) return false;
  const closs_loss_info *info = closs_loss_by_name(loss);
  if (!info || !find_dtype(dtype, &vector->dtype)) return false;
  vector->loss = info->loss;
  for (int r = CLOSS_NONE; r <= CLOSS_SUM; ++r)
    if (!strcmp(reduction, closs_reduction_name((closs_reduction)r))) vector->reduction = (closs_reduction)r;
  const char *value = strchr(parameter, '=');
  vector->has_parameter = value != NULL;
  vector->parameter = value ? strtod(value + 1, NULL) : 0;
  return value || !strcmp(parameter, "-");
}

static bool parse_array(const char *line, test_vector *vector, const unsigned char *bytes, size_t size) {
  char name[16], dtype[8], shape[64];
  unsigned long long offset;
  closs_tensor tensor = {0};
  unsigned slot = 0;
  if (sscanf(line, "%15s %7s %63s %llu", name, dtype, shape, &offset) != 4 || !find_dtype(dtype, &tensor.dtype))
    return false;
  while (slot < TEST_VECTOR_ARRAYS && strcmp(name, array_names[slot]))
    ++slot;
  for (char *next = shape; *next && *next != '-'; next += *next == 'x') {
    if (tensor.rank == CLOSS_MAX_RANK) return false;
    tensor.shape[tensor.rank++] = strtoull(next, &next, 10);
  }
  tensor = closs_tensor_contiguous(tensor.dtype, tensor.rank, tensor.shape);
  if (slot == TEST_VECTOR_ARRAYS || offset + closs_tensor_elements(&tensor) * closs_dtype_size(tensor.dtype) > size)
    return false;
  vector->tensors[slot] = tensor;
  vector->elements[slot] = bytes + offset;
  return true;
}

static unsigned char *read_bytes(const char *path, size_t *size) {
  unsigned char *bytes = NULL;
  FILE *file = fopen(path, "rb");
  if (!file) return NULL;
  if (!fseek(file, 0, SEEK_END)) {
    const long length = ftell(file);
    bytes = length > 0 ? malloc((size_t)length) : NULL;
    rewind(file);
    *size = (size_t)length;
    if (bytes && fread(bytes, 1, *size, file) != *size) {
      free(bytes);
      bytes = NULL;
    }
  }
  fclose(file);
  return bytes;
}

static bool read_index(test_vectors *vectors, FILE *index, size_t size) {
  char line[256];
  size_t capacity = 0;
  while (fgets(line, sizeof line, index)) {
    if (strncmp(line, "case\t", 5)) {
      if (!vectors->count || !parse_array(line, &vectors->cases[vectors->count - 1], vectors->bytes, size))
        return false;
      continue;
    }
    if (vectors->count == capacity) {
      capacity = capacity ? 2 * capacity : 64;
      test_vector *grown = realloc(vectors->cases, capacity * sizeof *grown);
      if (!grown) return false;
      vectors->cases = grown;
    }
    if (!parse_case(line, &vectors->cases[vectors->count++])) return false;
  }
  return vectors->count > 0;
}

bool test_vectors_read(test_vectors *vectors, const char *folder) {
  char path[4096];
  size_t size = 0;
  bool done = false;
  memset(vectors, 0, sizeof *vectors);
  snprintf(path, sizeof path, "%s/golden.bin", folder);
  vectors->bytes = read_bytes(path, &size);
  snprintf(path, sizeof path, "%s/golden.tsv", folder);
  FILE *index = vectors->bytes ? fopen(path, "r") : NULL;
  if (index) {
    done = read_index(vectors, index, size);
    fclose(index);
  }
  if (!done) {
    fprintf(stderr, "%s: no vectors that can be read (case %zu)\n", folder, vectors->count);
    test_vectors_free(vectors);
  }
  return done;
}

void test_vectors_free(test_vectors *vectors) {
  free(vectors->cases);
  free(vectors->bytes);
  memset(vectors, 0, sizeof *vectors);
}
