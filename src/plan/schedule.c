#include "plan/schedule.h"

#include "base/error.h"
#include "program/source.h"

closs_status closs_schedule_choose(const closs_plan_options *options, const closs_tuning *tuning, closs_layout *layout,
                                   closs_error *error) {
  layout->schedule = options->schedule != CLOSS_SCHEDULE_AUTO ? options->schedule : tuning->schedule;
  if (layout->schedule == CLOSS_SCHEDULE_LANES && (options->work_group != 0 || options->vector_width != 0)) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: %u, but the schedule is lanes, which has none",
                      options->work_group != 0 ? "work_group" : "vector_width",
                      (unsigned)(options->work_group != 0 ? options->work_group : options->vector_width));
  }
  return CLOSS_OK;
}

closs_status closs_schedule_size(const closs_plan_options *options, const closs_request *request,
                                 const closs_caps *caps, const closs_tuning *tuning, closs_layout *layout,
                                 closs_error *error) {
  closs_program_spec *program = &layout->programs[0];
  bool contiguous = closs_variant_at(program->variant)->contiguous;
  bool asked = options->schedule != CLOSS_SCHEDULE_AUTO || options->work_group != 0 || options->vector_width != 0;
  if (options->vector_width > 1 && !contiguous) {
    return closs_fail(error, CLOSS_UNSUPPORTED, "vector_width: %u, and strided operands have 1",
                      (unsigned)options->vector_width);
  }
  program->width = options->vector_width != 0 ? options->vector_width : contiguous ? tuning->width : 1;
  program->group = options->work_group != 0 ? options->work_group : tuning->group;
  for (;;) {
    uint64_t lanes = program->group * program->width > 64 ? program->group * program->width : 64;
    uint64_t local = 2 * closs_dtype_size(request->arithmetic) * lanes;
    if (program->group <= caps->max_work_group && local <= caps->local_memory) {
      return CLOSS_OK;
    }
    if (program->group == 1 && !asked) {
      layout->schedule = CLOSS_SCHEDULE_LANES;
      *program = layout->programs[1];
      return CLOSS_OK;
    }
    if (options->work_group != 0 || program->group == 1) {
      return closs_fail(
          error, CLOSS_UNSUPPORTED,
          "work_group: %u needs %llu bytes of local memory; the device has %llu, and work-groups up to %llu",
          (unsigned)program->group, (unsigned long long)local, (unsigned long long)caps->local_memory,
          (unsigned long long)caps->max_work_group);
    }
    program->group /= 2;
  }
}
