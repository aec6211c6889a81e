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
    closs_layout_squares(layout, &part, &(uint32_t){0}, &(uint32_t){0}, &part.items);
  } else {
    part.items = ((part.chunks - 1) >> part.span) + 1;
    part.states_at += 2 * (part.before >> part.span);
  }
  return part;
}

void closs_layout_squares(const closs_layout *layout, const closs_step *step, uint32_t *first_group, uint32_t *groups,
                          uint32_t *items) {
  const bool vectors = layout->programs[step->program].width == 0;
  const uint64_t count = (uint64_t)(step->chunks - 1) * CLOSS_CHUNK + step->last;
  closs_staging_groups(&layout->terms[step->layout], layout->staging.line[step->out], vectors,
                       (uint64_t)step->before * CLOSS_CHUNK, count, first_group, groups, items);
}
