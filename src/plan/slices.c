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
    part.items = ((part.chunks - 1) >> part.span) + 1;
    part.states_at += 2 * (part.before >> part.span);
  }
  return part;
}

closs_squares closs_layout_squares(const closs_layout *layout, const closs_step *step) {
  const bool vectors = layout->programs[step->program].width == 0;
  const uint64_t count = (uint64_t)(step->chunks - 1) * CLOSS_CHUNK + step->last;
  return closs_staging_squares(&layout->terms[step->layout], layout->staging.line[step->out], vectors,
                               (uint64_t)step->before * CLOSS_CHUNK, count);
}
