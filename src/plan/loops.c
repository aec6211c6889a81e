#include "plan/loops.h"

#include "cl/flags.h"
#include "program/source.h"

#define ROWS 64u       /* of a chunk */
#define LANES 64u      /* of a row */
#define CHUNK_TURNS 80 /* to merge the lanes of a chunk */
#define PAIR_TURNS 3   /* to take up a pair of a tree */

static uint64_t bit_count(uint32_t bits) {
  uint64_t count = 0;
  for (; bits != 0; bits &= bits - 1) {
    count++;
  }
  return count;
}

/* Tiles that are gathered or scattered for a row. */
static uint64_t moved_tiles(const closs_step *step, uint64_t parts) {
  const uint32_t gradients = CLOSS_FLAG_INPUT_GRADIENT | CLOSS_FLAG_TARGET_GRADIENT;
  const uint32_t arrays = CLOSS_FLAG_WEIGHT_ARRAY | CLOSS_FLAG_UPSTREAM_ARRAY | CLOSS_FLAG_STORE_LOSS;
  return parts * (2 + bit_count(step->flags & gradients)) + bit_count(step->flags & arrays);
}

/* A row, of which a work-item has `lanes` neighbouring lanes. */
static uint64_t row_turns(const closs_layout *layout, const closs_step *step, uint64_t lanes) {
  const closs_variant_info *variant = closs_variant_at(layout->programs[step->program].variant);
  const uint64_t parts = variant->complex_operands ? 2 : 1;
  const uint64_t compute = 20 + (2 + 2 * parts) * lanes;
  if (variant->contiguous) {
    return lanes > 4 ? compute : 4;
  }
  const closs_space *terms = &layout->terms[step->layout];
  /* Each end of the innermost dimension, in a tile and on the way to the next row, may be that of all others. A loop
   * turns once more, to find that it is done; a switch may be made a loop of one turn. */
  const uint64_t end = 5 + terms->rank, inner = terms->size[0];
  const uint64_t gather = terms->rank + 2 + parts * lanes + (lanes == 1 ? 1 : (lanes - 1) / inner + 2) * end;
  const uint64_t advance = 1 + ((LANES - 1) / inner + 2) * end;
  const uint64_t place = (1 + terms->rank) * (CLOSS_SLOT_COUNT + 2); /* of all arrays, where a row begins */
  return 14 + compute + moved_tiles(step, parts) * gather + advance + place;
}

static uint64_t pass_turns(const closs_layout *layout, const closs_step *step) {
  const closs_program_spec *program = &layout->programs[step->program];
  const uint64_t share = UINT64_C(1) << step->span;
  if (!step->by_groups) {
    return share * (ROWS * row_turns(layout, step, LANES) + CHUNK_TURNS);
  }
  const uint64_t windows = LANES / program->width;
  const uint64_t at_once = step->local > windows ? step->local / windows : 1;
  const uint64_t rows = ROWS * (step->local < windows ? windows / step->local : 1);
  const uint64_t ends = 2 * moved_tiles(step, 1) * (program->width + 1); /* rows that are not whole */
  const uint64_t each =
      rows * row_turns(layout, step, program->width) + rows / ROWS * ends + CHUNK_TURNS + PAIR_TURNS * at_once;
  return ((share - 1) / at_once + 1) * each;
}

uint64_t closs_loop_turns(const closs_layout *layout, const closs_step *step) {
  switch (step->body) {
  case CLOSS_BODY_PASS:
    return pass_turns(layout, step);
  case CLOSS_BODY_COLUMNS: /* each component goes through the terms; there are no blocks where this is asked */
    return step->components * pass_turns(layout, step);
  case CLOSS_BODY_MERGE:
    return (uint64_t)PAIR_TURNS * step->items;
  default:
    return (uint64_t)PAIR_TURNS * step->chunks;
  }
}
