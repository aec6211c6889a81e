#include "pieces.h"

#include <assert.h>
#include <string.h>

/* ---- spaces ---- */

static bool joins(const struct pieces_space *space, uint32_t outer, uint32_t inner) {
  for (int array = 0; array < PIECES_ARRAYS; array++)
    if (space->strides[array][outer] != space->strides[array][inner] * (int64_t)space->shape[inner]) return false;
  return true;
}

/* Makes dimensions one where they lie behind each other, from the innermost on. */
static void collapse(struct pieces_space *space) {
  uint32_t outermost = space->rank;
  for (uint32_t d = space->rank; d-- > 0;) {
    if (outermost < space->rank && joins(space, d, outermost)) {
      space->shape[outermost] *= space->shape[d];
      continue;
    }
    outermost--;
    space->shape[outermost] = space->shape[d];
    for (int array = 0; array < PIECES_ARRAYS; array++)
      space->strides[array][outermost] = space->strides[array][d];
  }
  space->rank -= outermost;
  memmove(space->shape, space->shape + outermost, space->rank * sizeof *space->shape);
  for (int array = 0; array < PIECES_ARRAYS; array++)
    memmove(space->strides[array], space->strides[array] + outermost, space->rank * sizeof *space->strides[array]);
}

void pieces_space_make(struct pieces_space *space, const closs_tensor *shape,
                       const closs_tensor *const arrays[PIECES_ARRAYS]) {
  *space = (struct pieces_space){.rank = 0};
  for (uint32_t d = 0; d < shape->rank; d++) {
    if (shape->shape[d] == 1) continue;
    space->shape[space->rank] = shape->shape[d];
    for (int array = 0; array < PIECES_ARRAYS; array++) {
      const closs_tensor *tensor = arrays[array];
      uint32_t missing = tensor == NULL || tensor->rank > shape->rank ? shape->rank : shape->rank - tensor->rank;
      bool there = d >= missing && tensor->shape[d - missing] != 1;
      space->strides[array][space->rank] = there ? tensor->strides[d - missing] : 0;
    }
    space->rank++;
  }
  collapse(space);
}

struct pieces_box pieces_whole(const struct pieces_space *space) {
  struct pieces_box box = {{0}, {0}};
  memcpy(box.length, space->shape, sizeof box.length);
  return box;
}

/* ---- cuts ---- */

struct pieces_cut pieces_walk(const struct pieces_space *space, int array, bool has) {
  struct pieces_cut cut = {.count = 0};
  for (uint32_t d = 0; d < space->rank; d++)
    if ((space->strides[array][d] != 0) == has) cut.dims[cut.count++] = d;
  return cut;
}

struct pieces_cut pieces_walk_all(const struct pieces_space *space) {
  struct pieces_cut cut = {.count = space->rank};
  for (uint32_t d = 0; d < space->rank; d++)
    cut.dims[d] = d;
  return cut;
}

static void set_range(const struct pieces_space *space, const struct pieces_cut *cut, struct pieces_box *box,
                      uint64_t first) {
  uint32_t dim = cut->dims[cut->at];
  uint64_t left = space->shape[dim] - first;
  box->first[dim] = first;
  box->length[dim] = left < cut->length ? left : cut->length;
}

void pieces_begin(const struct pieces_space *space, const struct pieces_cut *cut, struct pieces_box *box) {
  for (uint32_t i = 0; i < cut->count; i++) {
    box->first[cut->dims[i]] = 0;
    box->length[cut->dims[i]] = i < cut->at ? 1 : space->shape[cut->dims[i]];
  }
  if (cut->count > 0) set_range(space, cut, box, 0);
}

bool pieces_next(const struct pieces_space *space, const struct pieces_cut *cut, struct pieces_box *box) {
  if (cut->count == 0) return false;
  uint32_t dim = cut->dims[cut->at];
  uint64_t end = box->first[dim] + box->length[dim];
  bool more = end < space->shape[dim];
  for (uint32_t i = cut->at; !more && i-- > 0;) {
    uint32_t outer = cut->dims[i];
    more = ++box->first[outer] < space->shape[outer];
    if (!more) box->first[outer] = 0;
    end = 0;
  }
  if (more) set_range(space, cut, box, end);
  return more;
}

/* Terms of one index of the dimension that has ranges. */
static uint64_t inner_terms(const struct pieces_space *space, const struct pieces_cut *cut) {
  uint64_t terms = 1;
  for (uint32_t i = cut->at + 1; i < cut->count; i++)
    terms *= space->shape[cut->dims[i]];
  return terms;
}

static uint64_t common_divisor(uint64_t a, uint64_t b) {
  while (b != 0) {
    uint64_t rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/* The longest ranges that fit, where those of length `low` do. */
static void lengthen(const struct pieces_space *space, uint64_t low, uint64_t step, pieces_fit fit, void *user,
                     struct pieces_cut *cut) {
  assert(step > 0);
  uint64_t high = space->shape[cut->dims[cut->at]] + 1;
  while (high - low > 1) {
    cut->length = low + (high - low) / 2;
    if (fit(user, cut))
      low = cut->length;
    else
      high = cut->length;
  }
  cut->length = low;
  if (low % step == 0 || low < step) return;
  cut->length = low - low % step;
  if (!fit(user, cut)) cut->length = low; /* the rest at the end may take more than a whole piece */
}

bool pieces_find(const struct pieces_space *space, uint64_t least, pieces_fit fit, void *user, struct pieces_cut *cut) {
  cut->at = 0;
  cut->length = cut->count > 0 ? space->shape[cut->dims[0]] : 1;
  /* One piece needs no second set of anything, and may fit where smaller ones do not. */
  if (fit(user, cut)) return true;
  if (cut->count == 0) return false;
  for (;; cut->at++) {
    uint64_t inner = inner_terms(space, cut), size = space->shape[cut->dims[cut->at]];
    uint64_t low = inner >= least ? 1 : (least - 1) / inner + 1;
    cut->length = low < size ? low : size;
    if (fit(user, cut)) {
      lengthen(space, cut->length, least / common_divisor(inner, least), fit, user, cut);
      return true;
    }
    if (low > 1 || cut->at + 1 == cut->count) return false;
  }
}

/* ---- elements ---- */

uint64_t pieces_terms(const struct pieces_space *space, const struct pieces_box *box) {
  uint64_t terms = 1;
  for (uint32_t d = 0; d < space->rank; d++)
    terms *= box->length[d];
  return terms;
}

uint64_t pieces_elements(const struct pieces_space *space, int array, const struct pieces_box *box) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < space->rank; d++)
    elements *= space->strides[array][d] != 0 ? box->length[d] : 1;
  return elements;
}

bool pieces_same(const struct pieces_space *space, int array, const struct pieces_box *a, const struct pieces_box *b) {
  for (uint32_t d = 0; d < space->rank; d++)
    if (space->strides[array][d] != 0 && (a->first[d] != b->first[d] || a->length[d] != b->length[d])) return false;
  return true;
}

/* The dimensions that an array has in a box, those of the smallest strides first. */
static uint32_t sort_dims(const struct pieces_space *space, int array, uint32_t dims[CLOSS_MAX_RANK]) {
  const int64_t *strides = space->strides[array];
  uint32_t count = 0;
  for (uint32_t d = 0; d < space->rank; d++) {
    if (strides[d] == 0) continue;
    uint32_t at = count++;
    for (; at > 0 && strides[dims[at - 1]] > strides[d]; at--)
      dims[at] = dims[at - 1];
    dims[at] = d;
  }
  return count;
}

closs_tensor pieces_tensor(const struct pieces_space *space, int array, const struct pieces_box *box,
                           closs_dtype dtype) {
  closs_tensor tensor = {.dtype = dtype, .rank = space->rank};
  uint32_t dims[CLOSS_MAX_RANK], count = sort_dims(space, array, dims);
  int64_t stride = 1;
  for (uint32_t d = 0; d < space->rank; d++) {
    tensor.shape[d] = space->strides[array][d] != 0 ? box->length[d] : 1;
    tensor.strides[d] = 0;
  }
  for (uint32_t i = 0; i < count; i++) {
    tensor.strides[dims[i]] = stride;
    stride *= (int64_t)box->length[dims[i]];
  }
  return tensor;
}

static const char *first_element(const struct pieces_space *space, int array, const struct pieces_box *box, size_t size,
                                 const void *data) {
  int64_t offset = 0;
  for (uint32_t d = 0; d < space->rank; d++)
    offset += (int64_t)box->first[d] * space->strides[array][d];
  return (const char *)data + offset * (int64_t)size;
}

/* How many elements lie behind each other, and which of the sorted dimensions are in no such run. */
static uint64_t find_run(const struct pieces_space *space, int array, const struct pieces_box *box,
                         uint32_t dims[CLOSS_MAX_RANK], uint32_t *first, uint32_t *count) {
  uint64_t run = 1;
  *count = sort_dims(space, array, dims);
  for (*first = 0; *first < *count; ++*first) {
    uint32_t d = dims[*first];
    if (box->length[d] != 1 && space->strides[array][d] != (int64_t)run) break;
    run *= box->length[d];
  }
  return run;
}

const void *pieces_find_run(const struct pieces_space *space, int array, const struct pieces_box *box, size_t size,
                            const void *data) {
  uint32_t dims[CLOSS_MAX_RANK], first, count;
  find_run(space, array, box, dims, &first, &count);
  return first == count ? first_element(space, array, box, size, data) : NULL;
}

void pieces_pack(const struct pieces_space *space, int array, const struct pieces_box *box, size_t size,
                 const void *data, void *packed) {
  uint32_t dims[CLOSS_MAX_RANK], first, count;
  uint64_t index[CLOSS_MAX_RANK] = {0};
  size_t run = (size_t)find_run(space, array, box, dims, &first, &count) * size;
  const char *from = first_element(space, array, box, size, data);
  char *to = packed;
  uint32_t i;
  do {
    memcpy(to, from, run);
    to += run;
    for (i = first; i < count; i++) {
      int64_t step = space->strides[array][dims[i]] * (int64_t)size;
      from += step;
      if (++index[i] < box->length[dims[i]]) break;
      from -= step * (int64_t)index[i];
      index[i] = 0;
    }
  } while (i < count);
}
