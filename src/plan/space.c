#include "plan/space.h"

#include <string.h>

/* Dimension d of the broadcast shape, which counts from the outermost, as the next one out. */
static void add_dimension(const closs_request *request, uint32_t d, closs_space *space) {
  space->size[space->rank] = request->shape[d];
  for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    space->stride[slot][space->rank] = request->strides[slot][d];
  }
  space->rank++;
}

void closs_space_of_terms(const closs_request *request, closs_space *space) {
  memset(space, 0, sizeof *space);
  for (uint32_t d = request->rank; d > 0; d--) {
    add_dimension(request, d - 1, space);
  }
}

void closs_space_of_columns(const closs_request *request, uint32_t operand, closs_space *columns, closs_space *terms) {
  memset(columns, 0, sizeof *columns);
  memset(terms, 0, sizeof *terms);
  const closs_tensor *tensor = &request->tensors[operand == 0 ? CLOSS_SLOT_INPUT : CLOSS_SLOT_TARGET];
  uint32_t missing = request->rank - tensor->rank;
  for (uint32_t left = request->rank; left > 0; left--) {
    uint32_t d = left - 1;
    bool summed = d < missing || tensor->shape[d - missing] != request->shape[d];
    add_dimension(request, d, summed ? terms : columns);
  }
}

static bool joins(const closs_space *space, uint32_t inner, uint32_t outer, const bool used[CLOSS_SLOT_COUNT]) {
  for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    /* In unsigned arithmetic, which may wrap: the checked layouts keep every product that matters in range. */
    if (used[slot] &&
        (uint64_t)space->stride[slot][outer] != (uint64_t)space->stride[slot][inner] * space->size[inner]) {
      return false;
    }
  }
  return true;
}

static void set_dimension(closs_space *space, uint32_t to, uint32_t from) {
  space->size[to] = space->size[from];
  for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    space->stride[slot][to] = space->stride[slot][from];
  }
}

void closs_space_collapse(closs_space *space, const bool used[CLOSS_SLOT_COUNT]) {
  uint32_t rank = 0;
  for (uint32_t d = 0; d < space->rank; d++) {
    if (space->size[d] == 1) {
      continue;
    }
    if (rank > 0 && joins(space, rank - 1, d, used)) {
      space->size[rank - 1] *= space->size[d];
    } else {
      set_dimension(space, rank++, d);
    }
  }
  if (rank == 0) {
    space->size[0] = 1;
    for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
      space->stride[slot][0] = 0;
    }
    rank = 1;
  }
  space->rank = rank;
}

uint64_t closs_space_elements(const closs_space *space) {
  uint64_t elements = 1;
  for (uint32_t d = 0; d < space->rank; d++) {
    elements *= space->size[d];
  }
  return elements;
}
