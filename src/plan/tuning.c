#include "plan/tuning.h"

#include <string.h>

/*
 * The first row that fits counts: those of a vendor or platform, then by device type, then the default.
 *
 * GPUs: a work-item loads 16 bytes at once, the most that one instruction does on any of them. NVIDIA: measured on an
 * H200, where work-groups of 128 are a tenth faster than of 256. The others are general knowledge. AMD: wavefronts of
 * 64 or 32, and without more being asked for, work-groups up to 256. Intel: threads of 8 to 32
 * work-items, work-groups up to 256 on older ones. Mali: warps of 4 to 16, and local memory is the global one, so that
 * large groups gain nothing. Adreno: waves of 64 or 128. The mobile ones are full with fewer groups.
 *
 * llvmpipe, rusticl's device on a CPU, ends all loops once those of the work-items that it computes at once have turned
 * 65535 times in all (Mesa's LP_MAX_TGSI_LOOP_ITERATIONS): a chunk at a time. Oclgrind loses track of what is
 * initialised in vectors.
 */
static const struct {
  const char *maker; /* part of the device's vendor or of its platform's name; NULL: any */
  closs_device_type type;
  closs_tuning tuning;
} rows[] = {
    {"rusticl", CLOSS_DEVICE_CPU, {CLOSS_SCHEDULE_GROUPS, 64, 1, 8, true, 1, 1u << 14, 0, 512, 65535}},
    {"Oclgrind", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 64, 1, 4, true, 16, 1024, 0, 512, 0}},
    {"AMD", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 256, 4, 64, true, 16, 1024, 0, 4096, 0}},
    {"NVIDIA", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 128, 4, 32, true, 8, 2048, 0, 4096, 0}},
    {"Intel", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 128, 4, 32, true, 16, 512, 0, 4096, 0}},
    {"ARM", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 64, 4, 16, true, 8, 256, 0, 1024, 0}},
    {"QUALCOMM", CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 128, 4, 64, true, 8, 256, 0, 1024, 0}},
    {NULL, CLOSS_DEVICE_CPU, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 512, 16u << 20, 512, 0}},
    {NULL, CLOSS_DEVICE_GPU, {CLOSS_SCHEDULE_GROUPS, 256, 4, 64, true, 16, 1024, 0, 4096, 0}},
    {NULL, CLOSS_DEVICE_ACCELERATOR, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 64, 0, 256, 0}},
    {NULL, CLOSS_DEVICE_OTHER, {CLOSS_SCHEDULE_LANES, 64, 1, 1, false, 8, 512, 0, 256, 0}},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static bool names(const char *text, const char *maker) {
  return text != NULL && strstr(text, maker) != NULL;
}

static bool fits(size_t row, const closs_caps *caps) {
  const char *maker = rows[row].maker;
  return rows[row].type == caps->type && (maker == NULL || names(caps->vendor, maker) || names(caps->platform, maker));
}

closs_tuning closs_tuning_for(const closs_caps *caps) {
  size_t row = 0;
  while (row + 1 < ROWS && !fits(row, caps)) {
    row++;
  }
  return rows[row].tuning;
}
