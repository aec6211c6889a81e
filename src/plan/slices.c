#include "plan/slices.h"

#include "closs/partial.h"

uint32_t closs_layout_slices(const closs_layout *layout) {
  return (layout->steps[layout->staging.begin].chunks - 1) / layout->staging.chunks + 1;
}

closs_step closs_layout_slice(const closs_layout *layout, uint32_t step, uint32_t slice) {
  closs_step part = layout->steps[step];
  part.before = slice * layout->staging.chunks;
  part.chunks -= part.before;
  if (part.chunks > layout->staging.chunks) {
    part.chunks = layout->staging.chunks;
    part.last = CLOSS_CHUNK;
  }
  if (part.body == CLOSS_BODY_STAGE) {
    part.items = closs_layout_squares(layout, &part).items;
  } else {
    part.items = closs_layout_items(&part);
    part.states_at += 2 * (part.before >> part.span);
  }
  return part;
}

uint32_t closs_layout_terms(const closs_step *step) {
  return step->chunks > 0 ? (step->chunks - 1) * CLOSS_CHUNK + step->last : 0;
}

closs_squares closs_layout_squares(const closs_layout *layout, const closs_step *step) {
  const bool vectors = layout->programs[step->program].width == 0;
  return closs_staging_squares(&layout->terms[step->layout], layout->staging.line[step->out], vectors,
                               (uint64_t)step->before * CLOSS_CHUNK, closs_layout_terms(step));
}
