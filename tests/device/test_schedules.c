/*
 * Schedules: the same bits as the reference, whatever does which part of the sum. Pairwise coverage of schedule,
 * work-group size and lanes of a work-item with losses, types, reductions, outputs, shapes, strides and lengths; with
 * $CLOSS_TEST_FULL every combination of the first three with every loss. And pieces of a sum that begin inside a chunk.
 */
#include <stdio.h>
#include <string.h>

#include "support/harness.h"
#include "support/rows.h"
#include "support/work.h"

enum { CHUNK = CLOSS_CHUNK, LANES = 64, MOST_ROWS = 1000 };

/* Levels in support/rows.c of each factor, a bit each: one or two of a kind, since a device compiles nearly every row.
 */
static const uint32_t few[TEST_FACTORS] = {
    [TEST_LOSS_CASE] = 1u << 0 | 1u << 1 | 1u << 3 | 1u << 6, /* each loss */
    [TEST_INPUT_TYPE] = 1u << (CLOSS_F16 - 1) | 1u << (CLOSS_BF16 - 1) | 1u << (CLOSS_F32 - 1) | 1u << (CLOSS_F64 - 1) |
                        1u << (CLOSS_C64 - 1),
    [TEST_OUTPUTS] = 1u << 0 | 1u << 2 | 1u << 5 | 1u << 6,          /* the loss, and one, two or no gradients */
    [TEST_WEIGHT_TYPE] = 1,                                          /* the loss's */
    [TEST_UPSTREAM_TYPE] = 1,                                        /* the loss's */
    [TEST_SHAPE] = 1u << 0 | 1u << 3 | 1u << 6 | 1u << 9,            /* of one and three dimensions, broadcast ones */
    [TEST_LENGTH] = 1u << 2 | 1u << 4 | 1u << 6 | 1u << 7 | 1u << 8, /* past the lanes, around one chunk, and more */
    [TEST_INPUT_LAYOUT] = 31,                                        /* not repeated */
    [TEST_TARGET_LAYOUT] = 31,
    [TEST_GROUP] = 127, /* not 1024 */
    [TEST_WIDTH] = 15,
};

static bool chosen(const unsigned *row) {
  return row[TEST_SCHEDULE] != CLOSS_SCHEDULE_AUTO && test_row_allowed(row);
}

/* Both operands of one type; a size for schedule groups. */
static bool covered(const unsigned *row) {
  for (enum test_factor f = 0; f < TEST_FACTORS; ++f)
    if (few[f] && !test_row_in(row, f, few[f])) return false;
  if (row[TEST_INPUT_TYPE] != TEST_OPEN && !test_row_in(row, TEST_TARGET_TYPE, 1u << row[TEST_INPUT_TYPE]))
    return false;
  return chosen(row) && !(row[TEST_SCHEDULE] == CLOSS_SCHEDULE_GROUPS && row[TEST_GROUP] == 0);
}

static void pairs(void **state) {
  size_t count;
  unsigned *rows = test_pairwise(TEST_FACTORS, test_row_levels, covered, 20, &count);
  printf("all pairs: ");
  test_rows_run(*state, rows, count, 20, UINT64_C(0x2ad808454355194e));
  free(rows);
}

static bool contiguous(const unsigned *row) {
  return chosen(row) && test_row_contiguous(row);
}

/* Settles the open factors at random; false where that led nowhere. */
static bool settle(unsigned *row, test_allowed rule, uint64_t *stream) {
  for (unsigned f = 0; f < TEST_FACTORS; ++f) {
    if (row[f] != TEST_OPEN) continue;
    const unsigned first = (unsigned)(test_random(stream) % test_row_levels[f]);
    unsigned tried = 0;
    do
      row[f] = (first + tried) % test_row_levels[f];
    while (!rule(row) && ++tried < test_row_levels[f]);
    if (tried == test_row_levels[f]) return false;
  }
  return rule(row);
}

/* Every schedule, size and width with every loss, the rest at random: the contiguous path, and any. */
static void product(void **state) {
  unsigned *rows = test_allocate(MOST_ROWS * TEST_FACTORS * sizeof *rows), fixed[TEST_FACTORS];
  uint64_t stream = 21;
  size_t count = 0;
  for (unsigned f = 0; f < TEST_FACTORS; ++f)
    fixed[f] = TEST_OPEN;
  for (fixed[TEST_SCHEDULE] = CLOSS_SCHEDULE_LANES; fixed[TEST_SCHEDULE] < 3; ++fixed[TEST_SCHEDULE])
    for (fixed[TEST_GROUP] = 0; fixed[TEST_GROUP] < test_row_levels[TEST_GROUP]; ++fixed[TEST_GROUP])
      for (fixed[TEST_WIDTH] = 0; fixed[TEST_WIDTH] < test_row_levels[TEST_WIDTH]; ++fixed[TEST_WIDTH])
        for (fixed[TEST_LOSS_CASE] = 0; fixed[TEST_LOSS_CASE] < test_row_levels[TEST_LOSS_CASE];
             ++fixed[TEST_LOSS_CASE]) {
          if (!chosen(fixed)) continue;
          for (unsigned path = 0; path < 2; ++path) {
            unsigned *row = rows + count * TEST_FACTORS;
            assert_true(count < MOST_ROWS);
            do
              memcpy(row, fixed, sizeof fixed);
            while (!settle(row, path ? chosen : contiguous, &stream));
            ++count;
          }
        }
  printf("every schedule, size and width with every loss: ");
  test_rows_run(*state, rows, count, 21, UINT64_C(0x5604fa9514a02553));
  free(rows);
}

/* The loss of pieces that end anywhere, over one state. */
static void pieces(void **state) {
  const test_device *device = *state;
  /* Oclgrind keeps what it knows of a released, smaller buffer when its number is given again, and reports what was
   * written beyond as uninitialised. */
  if (strstr(device->name, "Oclgrind")) skip();
  static const uint64_t cuts[] = {0, 100, CHUNK - 3, CHUNK + 10, 7 * CHUNK, 7 * CHUNK + 1, 30 * CHUNK + 5};
  enum { CUTS = sizeof cuts / sizeof cuts[0], TOTAL = 30 * CHUNK + 5 };
  closs_error error;
  const uint64_t total = TOTAL;
  const closs_tensor all = closs_tensor_contiguous(CLOSS_F32, 1, &total);
  test_work work = test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, &all, &all);
  test_work_outputs(&work, 0);
  test_results expected;
  assert_int_equal(test_work_reference(&work, &expected, &error), CLOSS_OK);

  unsigned char bytes[4096];
  const size_t size = closs_state_size(CLOSS_F32);
  assert_true(size <= sizeof bytes);
  assert_int_equal(closs_state_init(bytes, CLOSS_F32, 0, &error), CLOSS_OK);
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  buffers.input.memory = test_buffer(device, TOTAL * sizeof(float), test_array_origin(&work.arrays[TEST_INPUT]));
  buffers.target.memory = test_buffer(device, TOTAL * sizeof(float), test_array_origin(&work.arrays[TEST_TARGET]));
  buffers.state.memory = test_buffer(device, size, bytes);
  for (int i = 0; i + 1 < CUTS; i++) {
    const uint64_t length = cuts[i + 1] - cuts[i];
    closs_plan_options options = work.options;
    options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &length);
    options.loss_layout = NULL;
    options.total_terms = TOTAL;
    options.schedule = CLOSS_SCHEDULE_GROUPS;
    options.work_group = 64;
    closs_plan *plan = NULL;
    assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_OK);
    assert_int_equal(closs_plan_prepare(plan, &error), CLOSS_OK);
    const size_t room = (size_t)closs_plan_workspace(plan);
    void *old = memset(test_allocate(room), 0x40, room); /* threes, that no sum has */
    buffers.workspace.memory = test_buffer(device, room, old);
    free(old);
    buffers.first_term = buffers.input.offset = buffers.target.offset = cuts[i];
    assert_int_equal(closs_enqueue(plan, device->queue, &buffers, 0, NULL, NULL, &error), CLOSS_OK);
    test_cl(clFinish(device->queue), "clFinish");
    clReleaseMemObject(buffers.workspace.memory);
    closs_plan_destroy(plan);
    test_read(device, buffers.state.memory, size, bytes);
    for (size_t at = size - 2 * LANES * sizeof(float); cuts[i + 1] % CHUNK == 0 && at < size; at++)
      assert_int_equal(bytes[at], 0); /* between chunks the lanes are */
  }
  float loss;
  assert_int_equal(closs_state_finish(bytes, TOTAL, CLOSS_MEAN, NULL, CLOSS_F32, &loss, &error), CLOSS_OK);
  assert_memory_equal(&loss, test_array_origin(test_result(&work, &expected, TEST_LOSS)), sizeof loss);
  clReleaseMemObject(buffers.input.memory);
  clReleaseMemObject(buffers.target.memory);
  clReleaseMemObject(buffers.state.memory);
  test_results_free(&expected);
  test_work_free(&work);
}

/* The order of additions itself: of lanes, chunks and shares, in whole sums and in sums by columns. */
static void order(void **state) {
  const test_device *device = *state;
  const bool slow = strstr(device->name, "Oclgrind") != NULL; /* it takes minutes */
  /* 7 chunks, and 11 shares the last of which has 7: of both, three blocks are left to merge in the end. */
  const uint64_t seven = 6 * CHUNK + 77, many = 86 * CHUNK + 5;
  /* Schedule lanes; groups that merge several blocks each, two chunks at a time, and eight. */
  static const uint32_t groups[] = {0, 4, 128, 512};
  unsigned noise = 0, computed = 0;
  size_t largest = 0;
  test_cl(clGetDeviceInfo(device->device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof largest, &largest, NULL),
          "CL_DEVICE_MAX_WORK_GROUP_SIZE");
  for (size_t g = 0; g < TEST_COUNT(groups); ++g)
    for (uint64_t columns = 1; columns <= 20; columns += 19) /* 20 are a block */
      for (int broadcast = 0; broadcast < 2; ++broadcast) {
        const closs_schedule schedule = groups[g] ? CLOSS_SCHEDULE_GROUPS : CLOSS_SCHEDULE_LANES;
        const bool strided = broadcast || columns > 1;
        if (groups[g] && broadcast && columns > 1) continue; /* sums by columns are of schedule lanes */
        if (groups[g] > largest) continue;
        if (groups[g] == 4 && (strided || strstr(device->name, "rusticl"))) continue; /* whose loops are short */
        const uint64_t n = columns == 1 ? (slow ? seven : many) : (slow ? 700 : seven);
        test_work work = test_work_order(n, columns, broadcast, schedule);
        test_results results;
        char text[80];
        work.options.schedule = schedule;
        work.options.work_group = groups[g];
        snprintf(text, sizeof text, "order of additions, %u columns%s, work-groups of %u", (unsigned)columns,
                 broadcast ? ", broadcast" : "", (unsigned)groups[g]);
        assert_int_equal(test_work_compare(device, &work, text, &results), CLOSS_OK);
        computed++;
        noise += test_value(CLOSS_F32, test_array_origin(&results.arrays[TEST_LOSS])) != 0;
        if (broadcast) noise += test_value(CLOSS_F32, test_array_origin(&results.arrays[TEST_TARGET_GRADIENT])) != 0;
        test_results_free(&results);
        test_work_free(&work);
      }
  assert_true(noise > computed / 2); /* of one or two each: else this test sees nothing */
}

/* What does not go together is refused, with the numbers. */
static void refused(void **state) {
  const test_device *device = *state;
  const uint64_t shape = 8;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_plan *plan;
  closs_error error;
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, &shape);
  options.schedule = CLOSS_SCHEDULE_LANES;
  options.work_group = 64;
  assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "work_group: 64, but the schedule is lanes, which has none");
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  options.vector_width = 2;
  options.target.strides[0] = 2;
  assert_int_equal(closs_plan_create(device->closs, &options, &plan, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "vector_width: 2, and strided operands have 1");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(pairs),
      cmocka_unit_test(pieces),
      cmocka_unit_test(order),
      cmocka_unit_test(refused),
  };
  const struct CMUnitTest more[] = {cmocka_unit_test(product)};
  int failed = cmocka_run_group_tests_name("schedules", tests, test_device_setup, test_device_teardown);
  if (getenv("CLOSS_TEST_FULL"))
    failed += cmocka_run_group_tests_name("all schedules", more, test_device_setup, test_device_teardown);
  return failed;
}
