#include "plan/loops.h"

#include "cl/flags.h"
#include "program/source.h"

#define ROWS 64u          /* of a chunk */
#define LANES 64u         /* of a row */
#define MERGE_TURNS 80    /* to merge the lanes of a chunk */
#define PAIR_TURNS 3      /* to take up a pair of a tree */
#define GROUP_LEVELS 33   /* of the tree of a group, at most, and the turn that finds it done */
#define FINISH_TURNS 80   /* to fold a tree, and to make the result of its sum */
#define STAGE_TURNS 150   /* to find a square's place, and to copy its elements one by one */
#define EXTEND_TURNS 1300 /* to find out how many blocks a state holds, and to copy the lanes of a chunk */

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

/*
 * The work-items that are computed at once turn their loops together, each loop as often as the one of them that turns
 * it most often; what only some of them do counts as well. A loop turns once more, to find that it is done, and once
 * where nobody enters it. Loops over dimensions and slots in schedule groups have lengths that the compiler knows: they
 * are written out, and do not turn (seen of Mesa 22.3).
 */

/*
 * To move a tile of `lanes`: run by run, each to the end of the innermost dimension at most, or as vectors. Where the
 * work-items stand at different places of that dimension, some may do the one and some the other, and every run is as
 * long as the longest. One dimension alone has its end in a row alone.
 */
static uint64_t move_turns(const closs_space *terms, uint64_t lanes, bool apart) {
  const uint64_t inner = terms->size[0], runs = lanes == 1 ? 1 : (lanes - 2) / inner + 2;
  const uint64_t each = inner < lanes ? inner : lanes, vectors = inner < lanes ? 0 : lanes;
  return terms->rank + runs * (6 + terms->rank) + (apart ? runs * each + vectors : lanes);
}

/* A row of a strided layout, of which a work-item has `lanes` neighbouring lanes. */
static uint64_t strided_row_turns(const closs_layout *layout, const closs_step *step, uint64_t lanes) {
  const bool complex_operands = closs_variant_at(layout->programs[step->program].variant)->complex_operands;
  const closs_space *terms = &layout->terms[step->layout];
  const uint64_t tiles = complex_operands ? 6 : 4;
  const uint64_t moved = moved_tiles(step, complex_operands ? 2 : 1);
  const uint64_t choose = 2 * (1 + tiles * 10); /* which to read and to write: the loops to move one, not entered */
  const uint64_t compute = 3 * (lanes + 1);     /* with what is added to the sum, and which lanes are present */
  /* On to the next row: its slots' offsets, dimension by dimension where it begins another innermost one. */
  const uint64_t ends = (LANES - 1) / terms->size[0] + 2;
  const uint64_t advance = 1 + ends * (2 + terms->rank) + (2 + terms->rank) * (CLOSS_SLOT_COUNT + 2);
  const bool apart = terms->rank > 1 && (step->by_groups || step->items > 1);
  const uint64_t plain = apart ? lanes + 5 : 0; /* rows that stay in registers, beside others that do not */
  return 1 + choose + compute + plain + moved * move_turns(terms, lanes, apart) + advance;
}

/* A row of contiguous operands: lane by lane where they are all of one work-item, else at once. */
static uint64_t contiguous_row_turns(uint64_t lanes) {
  return lanes == LANES ? 4 * (lanes + 5) : 4;
}

static uint64_t row_turns(const closs_layout *layout, const closs_step *step, uint64_t lanes) {
  const bool contiguous = closs_variant_at(layout->programs[step->program].variant)->contiguous;
  return contiguous ? contiguous_row_turns(lanes) : strided_row_turns(layout, step, lanes);
}

/* What a work-item does beside the rows of its lanes of a chunk: clears tiles and sums, takes up and leaves lanes. */
static uint64_t lanes_turns(uint64_t lanes) {
  return 12 * (lanes + 1);
}

static uint64_t pass_turns(const closs_layout *layout, const closs_step *step) {
  const closs_program_spec *program = &layout->programs[step->program];
  const uint64_t share = UINT64_C(1) << step->span;
  if (!step->by_groups) {
    const uint64_t each = ROWS * row_turns(layout, step, LANES) + lanes_turns(LANES) + MERGE_TURNS + PAIR_TURNS;
    return share * each + FINISH_TURNS;
  }
  const uint64_t windows = LANES / program->width;
  const uint64_t at_once = step->local > windows ? step->local / windows : 1;
  const uint64_t turns = step->local < windows ? windows / step->local : 1; /* windows of a work-item, one by one */
  const uint64_t ends = 2 * moved_tiles(step, 1) * (program->width + 1);    /* rows that are not whole */
  const uint64_t window = ROWS * row_turns(layout, step, program->width) + ends + lanes_turns(program->width);
  const uint64_t each = turns * window + MERGE_TURNS + PAIR_TURNS * at_once;
  return ((share - 1) / at_once + 1) * each + FINISH_TURNS;
}

/* A work-item of a group finds how many pairs are its own, and merges those of the others level by level. */
static uint64_t merge_turns(const closs_step *step) {
  uint64_t share = step->items;
  if (step->by_groups) {
    for (share = 1; (step->items - 1) / share >= step->local; share *= 2) {
    }
  }
  return (uint64_t)PAIR_TURNS * share + (step->by_groups ? 2 * GROUP_LEVELS : 0) + FINISH_TURNS;
}

uint64_t closs_loop_turns(const closs_layout *layout, const closs_step *step) {
  switch (step->body) {
  case CLOSS_BODY_PASS:
    return pass_turns(layout, step);
  case CLOSS_BODY_COLUMNS: /* each component goes through the terms; there are no blocks where this is asked */
    return step->components * pass_turns(layout, step);
  case CLOSS_BODY_MERGE:
    return merge_turns(step);
  case CLOSS_BODY_STAGE:
    return STAGE_TURNS;
  default:
    return (uint64_t)PAIR_TURNS * step->chunks + EXTEND_TURNS;
  }
}

bool closs_loops_end(const closs_layout *layout, const closs_step *step) {
  const bool contiguous = closs_variant_at(layout->programs[step->program].variant)->contiguous;
  return step->local % CLOSS_TOGETHER == 0 || (contiguous && step->body != CLOSS_BODY_STAGE);
}
