#include "plan/tuning.h"

#include <stddef.h>
#include <string.h>

/*
 * By platform and device type; the last row is the default.
 *
 * llvmpipe, rusticl's device on a CPU, ends every loop of a work-group once its loops have turned 65535 times in all: a
 * chunk at a time, and no more work-items than it computes at once. Oclgrind loses track of what is initialised in
 * vectors.
 */
static const struct {
  const char *platform; /* NULL: any */
  closs_device_type type;
  closs_tuning tuning;
} rows[] = {
    {"rusticl", CLOSS_DEVICE_CPU, {CLOSS_SCHEDULE_GROUPS, 64, 1, 8, true, 1, UINT32_MAX, 0}},
    {"Oclgrind", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 64, 1, 4, true, 16, 1024, 0}},
    {NULL, CLOSS_DEVICE_CPU, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 512, 16u << 20}},
    {NULL, CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 256, 4, 64, true, 16, 1024, 0}},
    {NULL, CLOSS_DEVICE_ACCELERATOR, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 64, 0}},
    {NULL, CLOSS_DEVICE_OTHER, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 512, 0}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool matches(size_t row, const closs_caps *caps) {
  const char *platform = rows[row].platform;
  return rows[row].type == caps->type &&
         (platform == NULL || (caps->platform != NULL && strcmp(platform, caps->platform) == 0));
}

closs_tuning closs_tuning_for(const closs_caps *caps) {
  size_t row = 0;
  while (row + 1 < ROWS && !matches(row, caps)) {
    row++;
  }
  return rows[row].tuning;
}
