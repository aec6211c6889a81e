#include "npy.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* The header's text, a Python dictionary, as far as it is read. */
struct cursor {
  const char *at, *end;
};

static bool host_is_little(void) {
  const uint16_t one = 1;
  unsigned char first;
  memcpy(&first, &one, 1);
  return first == 1;
}

bool npy_is(const void *bytes, size_t size) {
  return size >= sizeof magic && memcmp(bytes, magic, sizeof magic) == 0;
}

static void skip_space(struct cursor *c) {
  while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
    c->at++;
}

/* Takes a character, with white space before it, where it comes next. */
static bool take(struct cursor *c, char wanted) {
  skip_space(c);
  if (c->at == c->end || *c->at != wanted) return false;
  c->at++;
  return true;
}

static bool take_word(struct cursor *c, const char *word) {
  size_t length = strlen(word);
  skip_space(c);
  if ((size_t)(c->end - c->at) < length || memcmp(c->at, word, length) != 0) return false;
  c->at += length;
  return true;
}

/* A quoted text without escapes; longer ones than fit are none that this reader knows. */
static bool take_string(struct cursor *c, char text[32]) {
  skip_space(c);
  if (c->at == c->end || (*c->at != '\'' && *c->at != '"')) return false;
  char quote = *c->at++;
  size_t length = 0;
  while (c->at < c->end && *c->at != quote && length < 31)
    text[length++] = *c->at++;
  text[length] = 0;
  return take(c, quote);
}

/* A length, with the L that Python 2 put behind it. */
static bool take_length(struct cursor *c, uint64_t *length) {
  skip_space(c);
  const char *start = c->at;
  uint64_t value = 0;
  while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
    unsigned digit = (unsigned)(*c->at++ - '0');
    if (value > ((uint64_t)INT64_MAX - digit) / 10) return false;
    value = value * 10 + digit;
  }
  *length = value;
  if (c->at == start) return false;
  if (c->at < c->end && *c->at == 'L') c->at++;
  return true;
}

/* ---- the three entries ---- */

static closs_dtype dtype_of(char kind, const char *size) {
  static const struct {
    char kind;
    const char *size;
    closs_dtype dtype;
  } known[] = {{'b', "1", CLOSS_BOOL}, {'i', "1", CLOSS_I8},   {'u', "1", CLOSS_U8},  {'i', "2", CLOSS_I16},
               {'u', "2", CLOSS_U16},  {'i', "4", CLOSS_I32},  {'u', "4", CLOSS_U32}, {'i', "8", CLOSS_I64},
               {'u', "8", CLOSS_U64},  {'f', "2", CLOSS_F16},  {'f', "4", CLOSS_F32}, {'f', "8", CLOSS_F64},
               {'c', "8", CLOSS_C64},  {'c', "16", CLOSS_C128}};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].kind == kind && strcmp(known[i].size, size) == 0) return known[i].dtype;
  return (closs_dtype)0;
}

static bool read_descr(const char *what, struct cursor *c, struct npy_header *header, struct failure *failure) {
  char text[32];
  skip_space(c);
  if (c->at < c->end && *c->at == '[')
    return failure_set(failure, STATUS_USAGE, "%s: a structured array; expected bool, an integer or a floating type",
                       what);
  if (!take_string(c, text)) return failure_set(failure, STATUS_USAGE, "%s: damaged .npy header: descr", what);
  const char *kind = text;
  char order = '=';
  if (*kind == '<' || *kind == '>' || *kind == '=' || *kind == '|') order = *kind++;
  if (*kind == 'O')
    return failure_set(failure, STATUS_USAGE, "%s: an array of Python objects ('%s'); not read", what, text);
  header->tensor.dtype = *kind == 0 ? (closs_dtype)0 : dtype_of(*kind, kind + 1);
  size_t size = closs_dtype_size(header->tensor.dtype);
  if (size == 0 || (order == '|' && size > 1))
    return failure_set(failure, STATUS_USAGE,
                       "%s: elements of type '%s'; expected bool, an integer, f2, f4, f8, c8 or c16", what, text);
  header->swapped = size > 1 && order != '=' && (order == '<') != host_is_little();
  return true;
}

static bool read_shape(const char *what, struct cursor *c, closs_tensor *tensor, struct failure *failure) {
  bool good = take(c, '(');
  bool comma = true; /* also before the first length */
  uint64_t dimensions = 0;
  while (good && !take(c, ')')) {
    uint64_t length = 0;
    good = comma && take_length(c, &length);
    if (dimensions < CLOSS_MAX_RANK) tensor->shape[dimensions] = length;
    dimensions++;
    comma = take(c, ',');
  }
  if (!good || (dimensions == 1 && !comma))
    return failure_set(failure, STATUS_USAGE, "%s: damaged .npy header: shape", what);
  if (dimensions > CLOSS_MAX_RANK)
    return failure_set(failure, STATUS_USAGE, "%s: %" PRIu64 " dimensions; expected at most 8", what, dimensions);
  tensor->rank = (uint32_t)dimensions;
  return true;
}

/* "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", in any order. */
static bool read_dictionary(const char *what, struct cursor *c, struct npy_header *header, bool *fortran,
                            struct failure *failure) {
  bool seen[3] = {false, false, false};
  bool good = take(c, '{');
  while (good && !take(c, '}')) {
    char key[32];
    good = take_string(c, key) && take(c, ':');
    if (!good) break;
    int entry = strcmp(key, "descr") == 0           ? 0
                : strcmp(key, "fortran_order") == 0 ? 1
                : strcmp(key, "shape") == 0         ? 2
                                                    : 3;
    if (entry == 3 || seen[entry])
      return failure_set(failure, STATUS_USAGE, "%s: damaged .npy header: key '%s'", what, key);
    seen[entry] = true;
    if (entry == 0 && !read_descr(what, c, header, failure)) return false;
    if (entry == 1) {
      *fortran = take_word(c, "True");
      good = *fortran || take_word(c, "False");
    }
    if (entry == 2 && !read_shape(what, c, &header->tensor, failure)) return false;
    skip_space(c);
    if (!take(c, ',') && (c->at == c->end || *c->at != '}')) good = false;
  }
  skip_space(c);
  if (!good || c->at != c->end || !seen[0] || !seen[1] || !seen[2])
    return failure_set(failure, STATUS_USAGE, "%s: damaged .npy header", what);
  return true;
}

/* ---- the file ---- */

static void fill_strides(closs_tensor *tensor, bool fortran) {
  *tensor = closs_tensor_contiguous(tensor->dtype, tensor->rank, tensor->shape);
  if (!fortran) return;
  int64_t stride = 1;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    tensor->strides[i] = stride;
    stride *= (int64_t)tensor->shape[i];
  }
}

/* Bytes of the elements; false where they are more than any file has. Any length may be huge beside one that is 0. */
static bool count_bytes(closs_tensor *tensor, size_t *bytes) {
  uint64_t count = closs_dtype_size(tensor->dtype);
  for (uint32_t i = 0; i < tensor->rank; i++)
    if (tensor->shape[i] == 0) count = 0;
  for (uint32_t i = 0; i < tensor->rank && count > 0; i++) {
    if (tensor->shape[i] > (uint64_t)PTRDIFF_MAX / count) return false;
    count *= tensor->shape[i];
  }
  *bytes = (size_t)count;
  return true;
}

bool npy_parse(const char *what, const void *bytes, size_t size, struct npy_header *header, struct failure *failure) {
  const unsigned char *file = bytes;
  *header = (struct npy_header){0};
  if (!npy_is(bytes, size)) return failure_set(failure, STATUS_USAGE, "%s: no .npy file", what);
  if (size < 10)
    return failure_set(failure, STATUS_USAGE, "%s: truncated: %zu bytes, within the .npy header", what, size);
  unsigned major = file[6], minor = file[7];
  if (major < 1 || major > 3 || minor != 0)
    return failure_set(failure, STATUS_USAGE, "%s: .npy version %u.%u; expected 1.0, 2.0 or 3.0", what, major, minor);
  size_t start = major == 1 ? 10 : 12;
  if (size < start)
    return failure_set(failure, STATUS_USAGE, "%s: truncated: %zu bytes, within the .npy header", what, size);
  size_t length = file[8] | (size_t)file[9] << 8;
  if (major > 1) length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
  if (length > size - start)
    return failure_set(failure, STATUS_USAGE, "%s: truncated: %zu bytes, the .npy header has %zu", what, size,
                       start + length);

  struct cursor c = {(const char *)file + start, (const char *)file + start + length};
  bool fortran = false;
  if (!read_dictionary(what, &c, header, &fortran, failure)) return false;
  header->data_offset = start + length;
  if (!count_bytes(&header->tensor, &header->data_bytes) || header->data_bytes > size - header->data_offset)
    return failure_set(failure, STATUS_USAGE, "%s: truncated: %zu bytes of elements, fewer than its shape needs", what,
                       size - header->data_offset);
  fill_strides(&header->tensor, header->data_bytes > 0 && fortran);
  return true;
}

void npy_swap(closs_dtype dtype, void *elements, size_t count) {
  bool pairs = dtype == CLOSS_C64 || dtype == CLOSS_C128;
  size_t size = closs_dtype_size(dtype) / (pairs ? 2 : 1);
  unsigned char *at = elements;
  if (size == 1) return;
  for (size_t i = 0; i < count * (pairs ? 2 : 1); i++, at += size) {
    for (size_t low = 0, high = size - 1; low < high; low++, high--) {
      unsigned char byte = at[low];
      at[low] = at[high];
      at[high] = byte;
    }
  }
}

size_t npy_write_header(char header[NPY_HEADER_MAX], const closs_tensor *tensor) {
  static const char *const descr[CLOSS_DTYPE_END] = {
      [CLOSS_BOOL] = "|b1", [CLOSS_I8] = "|i1", [CLOSS_U8] = "|u1", [CLOSS_I16] = "i2",  [CLOSS_U16] = "u2",
      [CLOSS_I32] = "i4",   [CLOSS_U32] = "u4", [CLOSS_I64] = "i8", [CLOSS_U64] = "u8",  [CLOSS_F16] = "f2",
      [CLOSS_F32] = "f4",   [CLOSS_F64] = "f8", [CLOSS_C64] = "c8", [CLOSS_C128] = "c16"};
  const char *order = closs_dtype_size(tensor->dtype) == 1 ? "" : host_is_little() ? "<" : ">";
  size_t used = 10;
  memcpy(header, magic, sizeof magic);
  header[6] = 1;
  header[7] = 0;
  used += (size_t)sprintf(header + used, "{'descr': '%s%s', 'fortran_order': False, 'shape': (", order,
                          descr[tensor->dtype]);
  for (uint32_t i = 0; i < tensor->rank; i++)
    used += (size_t)sprintf(header + used, "%s%" PRIu64, i > 0 ? ", " : "", tensor->shape[i]);
  used += (size_t)sprintf(header + used, "%s), }", tensor->rank == 1 ? "," : "");
  while ((used + 1) % 64 != 0)
    header[used++] = ' ';
  header[used++] = '\n';
  header[8] = (char)(unsigned char)((used - 10) & 0xff);
  header[9] = (char)(unsigned char)((used - 10) >> 8);
  return used;
}
