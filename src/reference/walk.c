#include "reference/walk.h"

#include <string.h>

static void append(closs_walk *walk, const closs_request *request, uint32_t dimension) {
  walk->shape[walk->rank] = request->shape[dimension];
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; ++slot)
    walk->strides[walk->rank][slot] = request->strides[slot][dimension];
  ++walk->rank;
}

/* Whether the operand has length 1 where the broadcast shape has another. */
static bool is_summed(const closs_request *request, int operand, uint32_t dimension) {
  const closs_tensor *tensor = &request->tensors[operand];
  const uint32_t missing = request->rank - tensor->rank;
  return request->shape[dimension] != 1 && (dimension < missing || tensor->shape[dimension - missing] == 1);
}

uint64_t closs_walk_all(closs_walk *walk, const closs_request *request) {
  memset(walk, 0, sizeof *walk);
  for (uint32_t dimension = 0; dimension < request->rank; ++dimension)
    append(walk, request, dimension);
  return request->terms;
}

static uint64_t walk_part(closs_walk *walk, const closs_request *request, int operand, bool summed) {
  uint64_t steps = 1;
  memset(walk, 0, sizeof *walk);
  for (uint32_t dimension = 0; dimension < request->rank; ++dimension) {
    if (is_summed(request, operand, dimension) != summed) continue;
    append(walk, request, dimension);
    /* Lengths beside one of 0 may be anything. */
    if (__builtin_mul_overflow(steps, request->shape[dimension], &steps)) steps = UINT64_MAX;
  }
  return steps;
}

uint64_t closs_walk_kept(closs_walk *walk, const closs_request *request, int operand) {
  return walk_part(walk, request, operand, false);
}

uint64_t closs_walk_summed(closs_walk *walk, const closs_request *request, int operand) {
  return walk_part(walk, request, operand, true);
}

void closs_walk_next(closs_walk *walk) {
  for (uint32_t left = walk->rank; left > 0; --left) {
    const uint32_t dimension = left - 1;
    const int64_t *strides = walk->strides[dimension];
    if (++walk->index[dimension] < walk->shape[dimension]) {
      for (int slot = 0; slot < CLOSS_SLOT_COUNT; ++slot)
        walk->offset[slot] += strides[slot];
      return;
    }
    walk->index[dimension] = 0;
    for (int slot = 0; slot < CLOSS_SLOT_COUNT; ++slot)
      walk->offset[slot] -= (int64_t)(walk->shape[dimension] - 1) * strides[slot];
  }
}
