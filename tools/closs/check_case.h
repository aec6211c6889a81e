/*
 * The cases of `closs check`: a fixed list, with fixed pseudo-random operands, so that their results can be published.
 *
 * A group is one kernel variant (src/kernels.def) of one loss, or the subnormal numbers of one loss and type. Its cases
 * are configurations (reduction, outputs, weights, upstream gradient, layouts, types) times shapes. Cases are drawn
 * from the group's name and the case's number alone; a change here changes published.def.
 */
#ifndef PROGRAM_CHECK_CASE_H
#define PROGRAM_CHECK_CASE_H

#include <stdbool.h>
#include <stdint.h>

#include "closs/host.h"

enum check_access { CHECK_CONTIGUOUS, CHECK_STRIDED };

struct check_group {
  char name[64]; /* "huber strided_f64" */
  const closs_loss_info *info;
  closs_dtype arithmetic; /* f32 or f64 */
  closs_dtype storage;
  enum check_access access;
  bool wide;       /* offsets beyond 32 bits: a large, mostly empty array */
  bool subnormal;  /* operands and results around the smallest normal number: only class exact has promised these */
  size_t place[2]; /* its number among the losses, and among the variants */
};

enum check_array {
  CHECK_INPUT,
  CHECK_TARGET,
  CHECK_WEIGHT,
  CHECK_UPSTREAM,
  CHECK_LOSS,
  CHECK_INPUT_GRADIENT,
  CHECK_TARGET_GRADIENT,
  CHECK_ARRAYS
};

/* One case with its memory. */
struct check_case {
  closs_plan_options options;
  closs_parameter parameter;
  closs_dtype common;
  double upstream_value;
  bool used[CHECK_ARRAYS];
  closs_tensor tensors[CHECK_ARRAYS];
  void *memory[CHECK_ARRAYS]; /* of all elements, gaps included */
  size_t bytes[CHECK_ARRAYS];
  size_t origin[CHECK_ARRAYS];  /* bytes to the element of index (0, 0, ...) */
  void *expected[CHECK_ARRAYS]; /* outputs again, for the reference */
};

size_t check_group_count(void);
void check_group_get(size_t index, struct check_group *group);

/* The first `check_group_cases(group, false)` of the full list are the short list. */
size_t check_group_cases(const struct check_group *group, bool full);

/* How a device computes a case; the bits are the same whichever way. */
struct check_way {
  closs_schedule schedule;
  uint32_t work_group; /* of schedule groups */
};
enum { CHECK_WAYS = 3 };

/*
 * The ways in which a device computes a case. In the full list every schedule. In the short one, since drivers compile
 * for a second a program, one configuration of one loss a variant, in one way: such that each loss and each variant
 * occurs, and every reduction and type of arithmetic in both schedules; no way for the other cases.
 */
size_t check_case_ways(const struct check_group *group, size_t number, bool full, struct check_way ways[CHECK_WAYS]);

/* Whether a device computes any case of the group in the short list. */
bool check_group_short(const struct check_group *group);

/* Makes the case of this number with its operands; false where memory is short. */
bool check_case_make(struct check_case *made, const struct check_group *group, size_t number);
void check_case_release(struct check_case *made);

/* Makes the outputs for a device as they were. */
void check_case_reset(struct check_case *made, const struct check_group *group, size_t number);

/* The case's arrays, with the outputs for a device or for the reference. */
closs_arrays check_case_arrays(const struct check_case *made, bool expected);

/* FNV-1a, 64 bits, over the bytes of the outputs, each number in little-endian order. Start from CHECK_HASH. */
#define CHECK_HASH UINT64_C(0xcbf29ce484222325)
uint64_t check_case_hash(const struct check_case *made, bool expected, uint64_t hash);

#endif
