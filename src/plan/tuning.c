#include "plan/tuning.h"

#include <stddef.h>

/* By device type; vendors' rows go before, the last row is the default. */
static const struct {
  closs_device_type type;
  closs_tuning tuning;
} rows[] = {
    {CLOSS_DEVICE_CPU, {CLOSS_SCHEDULE_LANES, 64, 1, 8, 512, 16u << 20}},
    {CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 256, 4, 16, 1024, 0}},
    {CLOSS_DEVICE_ACCELERATOR, {CLOSS_SCHEDULE_LANES, 64, 1, 8, 64, 0}},
    {CLOSS_DEVICE_OTHER, {CLOSS_SCHEDULE_LANES, 64, 1, 8, 512, 0}},
};

closs_tuning closs_tuning_for(const closs_caps *caps) {
  size_t row = 0;
  while (row + 1 < sizeof rows / sizeof rows[0] && rows[row].type != caps->type) {
    row++;
  }
  return rows[row].tuning;
}
