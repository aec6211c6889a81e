#include "plan/staging.h"

#include "base/magnitude.h"
#include "closs/partial.h"

/* A line of memory: what is read of it and not used soon is read again. */
#define LINE_BYTES 64

static uint64_t bytes_of(const closs_request *request, int slot) {
  return closs_dtype_size(request->tensors[slot].dtype);
}

/* The terms between neighbours along dimension d. */
static uint64_t terms_below(const closs_space *terms, uint32_t d) {
  uint64_t below = 1;
  for (uint32_t i = 0; i < d; i++) {
    below *= terms->size[i];
  }
  return below;
}

static uint64_t slice_terms(const closs_request *request, uint64_t chunks) {
  return chunks * CLOSS_CHUNK < request->terms ? chunks * CLOSS_CHUNK : request->terms;
}

/* The dimension along which the slot's neighbours in memory lie; 0: none, or that of neighbouring terms. */
static uint32_t line_of(const closs_request *request, const closs_space *terms, int slot) {
  const uint64_t size = bytes_of(request, slot);
  if (terms->size[0] < CLOSS_STAGE_SIDE || closs_magnitude(terms->stride[slot][0]) < LINE_BYTES / size) {
    return 0;
  }
  uint32_t line = 0;
  uint64_t least = LINE_BYTES / 4 / size + 1; /* of a line at least four elements are used */
  for (uint32_t d = 1; d < terms->rank; d++) {
    const uint64_t stride = closs_magnitude(terms->stride[slot][d]);
    if (stride != 0 && stride < least && terms->size[d] >= CLOSS_STAGE_SIDE / 2) {
      line = d;
      least = stride;
    }
  }
  return line;
}

void closs_staging_choose(const closs_request *request, const closs_caps *caps, const closs_tuning *tuning,
                          const bool in_pass[CLOSS_SLOT_COUNT], const closs_space *terms, closs_staging *staging) {
  if (tuning->stage_chunks == 0 || request->states != 0) {
    return;
  }
  uint64_t bytes = 0, below = 0; /* of all slots a term; and the most terms between neighbours of a line */
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    /* The sum of weights, which goes first, reads them where they are. */
    const bool summed = slot == CLOSS_SLOT_WEIGHT && request->over_weights && request->total_terms == 0;
    const uint32_t line = in_pass[slot] && !summed ? line_of(request, terms, slot) : 0;
    if (line != 0) {
      staging->slots |= 1u << slot;
      staging->line[slot] = line;
      bytes += bytes_of(request, slot);
      below = terms_below(terms, line) > below ? terms_below(terms, line) : below;
    }
  }
  uint64_t chunks = tuning->stage_chunks;
  while (chunks * CLOSS_CHUNK < CLOSS_STAGE_SIDE * below && chunks * CLOSS_CHUNK < request->terms) {
    chunks *= 2;
  }
  while (bytes * slice_terms(request, chunks) > caps->max_allocation / CLOSS_STAGE_PART) {
    chunks /= 2;
  }
  /* Too few terms, or too few neighbours in a slice, to be worth it. */
  if (chunks == 0 || request->terms < chunks * CLOSS_CHUNK / 4 ||
      (chunks * CLOSS_CHUNK < CLOSS_STAGE_SIDE / 2 * below && chunks * CLOSS_CHUNK < request->terms)) {
    staging->slots = 0;
  }
  staging->chunks = (uint32_t)chunks;
}

void closs_staging_apply(const closs_staging *staging, closs_space *terms) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    for (uint32_t d = 0; staging->slots & (1u << slot) && d < terms->rank; d++) {
      terms->stride[slot][d] = (int64_t)terms_below(terms, d);
    }
  }
}

void closs_staging_take(const closs_request *request, closs_staging *staging, uint64_t *bytes) {
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    if (staging->slots & (1u << slot)) {
      staging->at[slot] = (*bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES;
      *bytes = staging->at[slot] + bytes_of(request, slot) * slice_terms(request, staging->chunks);
    }
  }
}

/* The number of the group that a term is in: those along the line, for each index of the dimensions outside. */
static uint64_t group_of(uint64_t term, uint64_t below, uint64_t length, uint32_t side) {
  const uint64_t at = term / below;
  return at / length * ((length - 1) / side + 1) + at % length / side;
}

closs_squares closs_staging_squares(const closs_space *terms, uint32_t line, bool vectors, uint64_t first,
                                    uint64_t count) {
  const uint32_t side = vectors ? CLOSS_STAGE_SIDE : CLOSS_STAGE_FEW_SIDE;
  const uint32_t each = vectors ? CLOSS_STAGE_SQUARES : CLOSS_STAGE_FEW_SQUARES;
  const uint64_t below = terms_below(terms, line), length = terms->size[line];
  const uint64_t begin = group_of(first, below, length, side), last = group_of(first + count - 1, below, length, side);
  const uint64_t strips = (terms->size[0] - 1) / side + 1;
  closs_squares squares;
  squares.first_group = (uint32_t)begin;
  squares.groups = (uint32_t)(last - begin + 1);
  squares.items = (uint32_t)(((last - begin) / each + 1) * strips * (below / terms->size[0]));
  return squares;
}
