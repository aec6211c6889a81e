/* The planner: shape algebra, the choice of a kernel variant, and what is launched, on devices that are only caps. */
#include <string.h>

#include "cl/flags.h"
#include "plan/layout.h"
#include "plan/loops.h"
#include "plan/tuning.h"
#include "program/source.h"
#include "support/harness.h"

static closs_caps cpu(void) {
  const closs_caps caps = {.type = CLOSS_DEVICE_CPU,
                           .fp64 = true,
                           .int64 = true,
                           .compiler = true,
                           .little_endian = true,
                           .address_bits = 64,
                           .max_work_group = 4096,
                           .local_memory = 32768};
  return caps;
}

static closs_plan_options usual(uint32_t rank, const uint64_t *input, uint32_t target_rank, const uint64_t *target) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.input = closs_tensor_contiguous(CLOSS_F32, rank, input);
  options.target = closs_tensor_contiguous(CLOSS_F32, target_rank, target);
  return options;
}

static closs_status plan(const closs_plan_options *options, const closs_caps *caps, closs_layout *layout,
                         closs_error *error) {
  closs_request request;
  const closs_status status = closs_check_options(options, caps, &request, error);
  return status == CLOSS_OK ? closs_layout_make(options, &request, caps, layout, error) : status;
}

static closs_layout planned(const closs_plan_options *options, const closs_caps *caps) {
  closs_layout layout;
  closs_error error = {0};
  if (plan(options, caps, &layout, &error) != CLOSS_OK) fail_msg("%s", error.text);
  return layout;
}

static const char *variant(const closs_layout *layout) {
  return closs_variant_at(layout->programs[0].variant)->name;
}

/* Contiguous operands of any rank are one dimension; a step or an order of their own keeps dimensions apart. */
static void dimensions_collapse(void **state) {
  (void)state;
  const closs_caps caps = cpu();
  const uint64_t shape[] = {2, 1, 3, 4, 5, 1, 6, 7};
  for (uint32_t rank = 0; rank <= CLOSS_MAX_RANK; rank++) {
    const closs_plan_options options = usual(rank, shape, rank, shape);
    const closs_layout layout = planned(&options, &caps);
    assert_int_equal(layout.terms[0].rank, 1);
    assert_int_equal(layout.terms[0].size[0], closs_tensor_elements(&options.input));
    assert_string_equal(variant(&layout), "contiguous_f32");
    assert_false(layout.has_layout[0]);
  }
  closs_plan_options options = usual(3, (uint64_t[]){4, 5, 6}, 3, (uint64_t[]){4, 5, 6});
  options.input.strides[0] = 60; /* every other matrix */
  closs_layout layout = planned(&options, &caps);
  assert_string_equal(variant(&layout), "strided_f32");
  assert_int_equal(layout.terms[0].rank, 2);
  assert_int_equal(layout.terms[0].size[0], 30);
  assert_int_equal(layout.terms[0].stride[CLOSS_SLOT_INPUT][1], 60);
  assert_int_equal(layout.terms[0].stride[CLOSS_SLOT_TARGET][1], 30);
  /* In the sum by columns, an array that it does not touch keeps nothing apart. */
  options = usual(3, (uint64_t[]){4, 1, 1}, 3, (uint64_t[]){4, 5, 6});
  closs_tensor gradient = options.target;
  gradient.strides[1] = 10;
  gradient.strides[0] = 50;
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  options.target_gradient = &gradient;
  layout = planned(&options, &caps);
  assert_int_equal(layout.terms[0].rank, 3);
  assert_int_equal(layout.terms[1].rank, 1);
  assert_int_equal(layout.terms[1].size[0], 30);
}

/* The flags of a pass are fixed when its program is compiled, where that is contiguous and has no second pass. */
static void fixed_flags(void **state) {
  (void)state;
  const closs_caps caps = cpu();
  const uint64_t terms = 5000;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  const closs_tensor weight = options.input;
  closs_layout layout = planned(&options, &caps);
  assert_int_equal(layout.programs[0].flags, layout.steps[0].flags);
  options.input.strides[0] = 2;
  layout = planned(&options, &caps);
  assert_int_equal(layout.programs[0].flags, CLOSS_ANY);
  options.input.strides[0] = 1;
  options.weight = &weight; /* whose sum is a pass too */
  layout = planned(&options, &caps);
  assert_string_equal(variant(&layout), "contiguous_f32");
  assert_int_equal(layout.programs[0].flags, CLOSS_ANY);
}

static void variants(void **state) {
  (void)state;
  const closs_caps caps = cpu();
  const uint64_t shape[] = {10, 10};
  static const struct {
    closs_dtype input, target;
    const char *name;
  } cases[] = {
      {CLOSS_F16, CLOSS_F16, "contiguous_f16"}, {CLOSS_BF16, CLOSS_BF16, "contiguous_bf16"},
      {CLOSS_F64, CLOSS_F64, "contiguous_f64"}, {CLOSS_F16, CLOSS_F32, "strided_f32"},
      {CLOSS_F32, CLOSS_F64, "strided_f64"},    {CLOSS_BOOL, CLOSS_I64, "strided_f32"},
      {CLOSS_C64, CLOSS_F32, "strided_c64"},    {CLOSS_C64, CLOSS_F64, "strided_c128"},
      {CLOSS_C128, CLOSS_C128, "strided_c128"},
  };
  for (size_t i = 0; i < TEST_COUNT(cases); i++) {
    closs_plan_options options = usual(2, shape, 2, shape);
    options.input.dtype = cases[i].input;
    options.target.dtype = cases[i].target;
    const closs_layout layout = planned(&options, &caps);
    assert_string_equal(variant(&layout), cases[i].name);
  }
}

/* Beyond 2^30 elements, or a reach of as many, indices have 64 bits; contiguous kernels need none. */
static void index_width(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  const uint64_t large[] = {UINT64_C(1) << 33};
  closs_plan_options options = usual(1, large, 1, large);
  layout = planned(&options, &caps);
  assert_string_equal(variant(&layout), "contiguous_f32");
  options.target.strides[0] = 0;
  layout = planned(&options, &caps);
  assert_string_equal(variant(&layout), "strided_f32_wide");
  caps.int64 = false;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text,
                      "operands: 8589934592 terms with these strides need 64-bit indices, which the device lacks");
  options = usual(1, (uint64_t[]){3}, 1, (uint64_t[]){3});
  options.input.strides[0] = INT64_C(1) << 29;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  options.input.strides[0] = -(INT64_C(1) << 28);
  layout = planned(&options, &caps);
  assert_string_equal(variant(&layout), "strided_f32");
  caps.int64 = true;
  for (uint64_t less = 0; less < 2; less++) {
    const uint64_t terms = (UINT64_C(1) << 30) - less;
    options = usual(1, &terms, 1, &terms);
    options.target.strides[0] = 0;
    layout = planned(&options, &caps);
    assert_string_equal(variant(&layout), less ? "strided_f32" : "strided_f32_wide");
  }
}

/* Shares are powers of two of chunks, and together they are all chunks. */
static void shares(void **state) {
  (void)state;
  const closs_caps caps = cpu();
  for (uint64_t any = 1; any < UINT64_C(1) << 40; any = any * 3 + 4095)
    for (int whole = 0; whole < 2; whole++) {
      const uint64_t terms = whole ? (any + 4095) / 4096 * 4096 : any;
      const closs_plan_options options = usual(1, &terms, 1, &terms);
      const closs_layout layout = planned(&options, &caps);
      const closs_step *pass = &layout.steps[0];
      assert_int_equal(pass->body, CLOSS_BODY_PASS);
      assert_int_equal((uint64_t)(pass->chunks - 1) * 4096 + pass->last, terms);
      assert_in_range(pass->last, 1, 4096);
      assert_int_equal(pass->items, ((pass->chunks - 1) >> pass->span) + 1);
      assert_int_equal(layout.step_count, pass->items == 1 ? 1 : 2);
      assert_int_equal((pass->flags & CLOSS_FLAG_FINISH) != 0, pass->items == 1);
      assert_int_equal(layout.workspace, pass->items == 1 ? 0 : pass->items * 2 * sizeof(float));
    }
}

/* Gradients of broadcast operands go before the pass, which may overwrite an operand; in place they are written last.
 */
static void order_of_launches(void **state) {
  (void)state;
  const closs_caps caps = cpu();
  closs_plan_options options = usual(2, (uint64_t[]){50, 1}, 2, (uint64_t[]){50, 70});
  const closs_tensor weight = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){70});
  options.weight = &weight;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
  closs_layout layout = planned(&options, &caps);
  assert_int_equal(layout.step_count, 3);
  assert_int_equal(layout.steps[0].body, CLOSS_BODY_PASS);
  assert_true(layout.steps[0].flags & CLOSS_FLAG_TERM_WEIGHT);
  assert_int_equal(layout.steps[1].body, CLOSS_BODY_COLUMNS);
  assert_int_equal(layout.steps[1].columns, 50);
  assert_int_equal(layout.steps[1].last, 70);
  assert_true(layout.steps[1].flags & CLOSS_FLAG_FINISH);
  assert_int_equal(layout.steps[2].body, CLOSS_BODY_PASS);
  assert_false(layout.steps[2].flags & CLOSS_FLAG_INPUT_GRADIENT);
  assert_true(layout.steps[2].flags & CLOSS_FLAG_TARGET_GRADIENT);
  options.input_gradient_mode = CLOSS_GRADIENT_IN_PLACE;
  layout = planned(&options, &caps);
  assert_int_equal(layout.step_count, 4);
  assert_false(layout.steps[1].flags & CLOSS_FLAG_FINISH);
  assert_int_equal(layout.steps[3].body, CLOSS_BODY_MERGE);
  assert_int_equal(layout.steps[3].out, CLOSS_SLOT_INPUT_GRADIENT);
  options = usual(1, (uint64_t[]){0}, 1, (uint64_t[]){1});
  layout = planned(&options, &caps);
  assert_int_equal(layout.step_count, 0);
}

/* Neighbouring columns go together where they are neighbours in memory, and the terms of a column are not. */
static void blocks_of_columns(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_plan_options options = usual(2, (uint64_t[]){50, 100}, 1, (uint64_t[]){100});
  options.outputs = CLOSS_OUTPUT_TARGET_GRADIENT;
  closs_layout layout = planned(&options, &caps);
  assert_true(layout.steps[0].flags & CLOSS_FLAG_COLUMN_BLOCKS);
  assert_int_equal(layout.steps[0].columns, 100);
  assert_int_equal(layout.steps[0].blocks, 2); /* of 4 vectors of 16 */
  options.input.strides[0] = 1;                /* the terms of a column lie together */
  options.input.strides[1] = 50;
  layout = planned(&options, &caps);
  assert_false(layout.steps[0].flags & CLOSS_FLAG_COLUMN_BLOCKS);
  assert_int_equal(layout.steps[0].blocks, 100);
  options = usual(2, (uint64_t[]){50, 7}, 1, (uint64_t[]){7}); /* less than a vector */
  options.outputs = CLOSS_OUTPUT_TARGET_GRADIENT;
  layout = planned(&options, &caps);
  assert_false(layout.steps[0].flags & CLOSS_FLAG_COLUMN_BLOCKS);
}

/* Schedule groups: chosen for GPUs, and cut down to what the device has. */
static void groups(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  const uint64_t terms = 1000000;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  layout = planned(&options, &caps);
  assert_int_equal(layout.schedule, CLOSS_SCHEDULE_LANES);
  caps.type = CLOSS_DEVICE_GPU;
  layout = planned(&options, &caps);
  assert_int_equal(layout.schedule, CLOSS_SCHEDULE_GROUPS);
  assert_int_equal(layout.steps[0].local, 256);
  assert_int_equal(layout.steps[1].local, 256); /* a work-group merges */
  caps.max_work_group = 100;
  layout = planned(&options, &caps);
  assert_int_equal(layout.steps[0].local, 64);
  caps.local_memory = 1024;
  layout = planned(&options, &caps);
  assert_int_equal(layout.steps[0].local, 32); /* 128 lanes of two floats */
  options.work_group = 64;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "work_group: 64 needs 2048 bytes of local memory; the device has 1024, and "
                                  "work-groups up to 100");
  /* columns.cl is of schedule lanes, in a program of its own. */
  options = usual(2, (uint64_t[]){7, 1}, 2, (uint64_t[]){7, 9});
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_LOSS;
  layout = planned(&options, &caps);
  assert_int_equal(layout.steps[0].program, 1);
  assert_int_equal(layout.programs[1].group, 0);
  assert_int_equal(layout.programs[1].bodies, CLOSS_BODY_COLUMNS);
  assert_int_equal(layout.programs[0].bodies, CLOSS_BODY_PASS);
  /* But for one column, where it is long: then it is a pass, merged in the end. */
  for (uint64_t length = 4096; length <= terms; length += terms - 4096) {
    options = usual(1, &length, 1, (uint64_t[]){1});
    options.outputs = CLOSS_OUTPUT_TARGET_GRADIENT | CLOSS_OUTPUT_LOSS;
    layout = planned(&options, &caps);
    const closs_step *step = &layout.steps[0], *last = &layout.steps[layout.step_count - 1];
    assert_int_equal(step->body, length == terms ? CLOSS_BODY_PASS : CLOSS_BODY_COLUMNS);
    assert_int_equal(step->out, CLOSS_SLOT_TARGET_GRADIENT);
    assert_int_equal((step->flags & CLOSS_FLAG_FINISH) != 0, length != terms);
    if (length != terms) continue;
    assert_int_equal(step->program, 0);
    assert_int_equal(last->body, CLOSS_BODY_MERGE);
    assert_int_equal(last->flags & (CLOSS_FLAG_RESULT_COLUMN | CLOSS_FLAG_COLUMN_TARGET),
                     CLOSS_FLAG_RESULT_COLUMN | CLOSS_FLAG_COLUMN_TARGET);
    assert_int_equal(last->states_at, step->states_at);
  }
}

/* The table: vendors and platforms before device types, and those before the default. */
static void tuning(void **state) {
  (void)state;
  static const struct {
    const char *vendor, *platform;
    closs_device_type type;
    closs_schedule schedule;
    uint32_t group, width;
  } rows[] = {
      {"Advanced Micro Devices, Inc.", "AMD Accelerated Parallel Processing", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS,
       256, 4},
      {"AMD", "rusticl", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 256, 4},
      {"NVIDIA Corporation", "NVIDIA CUDA", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 128, 4},
      {"Intel(R) Corporation", "Intel(R) OpenCL Graphics", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 128, 4},
      {"ARM", "ARM Platform", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 64, 4},
      {"QUALCOMM", "QUALCOMM Snapdragon(TM)", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 128, 4},
      {"Mesa/X.org", "rusticl", CLOSS_DEVICE_CPU, CLOSS_SCHEDULE_GROUPS, 64, 1},
      {"Oclgrind", "Oclgrind", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 64, 1},
      {"Intel(R) Corporation", "Intel(R) OpenCL", CLOSS_DEVICE_CPU, CLOSS_SCHEDULE_LANES, 64, 1},
      {"Somebody", "Something", CLOSS_DEVICE_CPU, CLOSS_SCHEDULE_LANES, 64, 1},
      {"Somebody", "Something", CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 256, 4},
      {"Intel(R) Corporation", "Something", CLOSS_DEVICE_ACCELERATOR, CLOSS_SCHEDULE_LANES, 64, 1},
      {"QUALCOMM", "Something", CLOSS_DEVICE_OTHER, CLOSS_SCHEDULE_LANES, 64, 1},
      {NULL, NULL, CLOSS_DEVICE_GPU, CLOSS_SCHEDULE_GROUPS, 256, 4},
  };
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    closs_caps caps = cpu();
    caps.vendor = rows[i].vendor;
    caps.platform = rows[i].platform;
    caps.type = rows[i].type;
    const closs_tuning found = closs_tuning_for(&caps);
    if (found.schedule != rows[i].schedule || found.group != rows[i].group || found.width != rows[i].width)
      fail_msg("row %zu: schedule %d, group %u, width %u", i, (int)found.schedule, (unsigned)found.group,
               (unsigned)found.width);
  }
  closs_caps caps = cpu();
  assert_true(closs_tuning_for(&caps).stream_bytes > 0);
  caps.type = CLOSS_DEVICE_OTHER; /* the default: no special stores */
  assert_true(closs_tuning_for(&caps).stream_bytes == 0);
  assert_int_equal(closs_tuning_for(&caps).max_items, 512); /* the last row, and not the one before */
}

/* A smaller work-group size for the steps that share one; the caller's own stays. */
static void shrinking(void **state) {
  (void)state;
  closs_caps caps = cpu();
  caps.type = CLOSS_DEVICE_GPU;
  const uint64_t terms = 1000000;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  closs_layout layout = planned(&options, &caps);
  const closs_layout before = layout;
  assert_int_equal(layout.step_count, 2);
  assert_true(closs_layout_shrink(&layout, 0, &caps));
  assert_int_equal(layout.steps[0].local, before.steps[0].local / 2);
  assert_int_equal(layout.programs[0].group, layout.steps[0].local);
  assert_int_equal(layout.steps[1].local, before.steps[1].local / 2); /* the merge is of the same program */
  assert_true(closs_layout_shrink(&layout, 1, &caps));
  assert_int_equal(layout.steps[1].local, before.steps[1].local / 4);
  assert_int_equal(layout.steps[0].local, before.steps[0].local / 4);
  assert_int_equal(layout.workspace, before.workspace);
  assert_int_equal(layout.steps[0].items, before.steps[0].items);
  while (closs_layout_shrink(&layout, 0, &caps)) {
  }
  assert_int_equal(layout.steps[0].local, 1);
  options.work_group = 64;
  layout = planned(&options, &caps);
  assert_false(closs_layout_shrink(&layout, 0, &caps));
  assert_int_equal(layout.steps[0].local, 64);
}

/* Not to a size with which a work-item would take up longer loops than the device has. */
static void shrinking_loops(void **state) {
  (void)state;
  closs_caps caps = cpu();
  const uint64_t terms = 9000;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  options.target.dtype = CLOSS_F16;
  caps.platform = "rusticl";
  closs_layout layout = planned(&options, &caps);
  while (closs_layout_shrink(&layout, 0, &caps)) {
  }
  assert_int_equal(layout.steps[0].local, 16);
  assert_int_equal(layout.programs[0].group, 16);
}

/* A device that ends loops early: what would take longer ones is refused; a chunk a work-group of 64 is not. */
static void short_loops(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  const uint64_t terms = 100000000, twos[] = {2, 2, 2, 2, 2, 2, 2, 2};
  closs_plan_options options = usual(1, &terms, 1, &terms);
  caps.platform = "rusticl";
  layout = planned(&options, &caps);
  assert_true(layout.steps[0].items <= 1 << 14);
  options = usual(8, twos, 8, twos);
  for (uint32_t d = 0; d < 8; d++)
    options.target.strides[d] = INT64_C(1) << d;
  layout = planned(&options, &caps);
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  options.work_group = 8;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_non_null(strstr(error.text, "the device ends loops after 65535"));
  caps.platform = "Something";
  layout = planned(&options, &caps);
  options = usual(2, (uint64_t[]){7, 1}, 2, (uint64_t[]){7, 9});
  options.input.dtype = options.target.dtype = CLOSS_C64;
  options.outputs = CLOSS_OUTPUT_INPUT_GRADIENT;
  layout = planned(&options, &caps);
  closs_step real = layout.steps[0];
  real.components = 1; /* which is gone through for each */
  assert_int_equal(closs_loop_turns(&layout, &layout.steps[0]), 2 * closs_loop_turns(&layout, &real));
}

/* Turns that kernels took on llvmpipe of Mesa 22.3.6: after so many more before them, their results were wrong. */
static void loop_turns(void **state) {
  (void)state;
  enum { SAME, OF_F16, ROW, COLUMN, TRANSPOSED }; /* targets */
  static const struct {
    uint64_t rows, columns;
    int targets;
    uint32_t outputs, work_group; /* 0: schedule lanes */
    uint64_t measured;            /* of the first step */
  } cases[] = {
      {16384, 3, ROW, CLOSS_OUTPUT_LOSS, 0, 43063},   {7021, 7, ROW, CLOSS_OUTPUT_LOSS, 0, 32820},
      {983, 50, ROW, CLOSS_OUTPUT_LOSS, 0, 30478},    {491, 100, ROW, CLOSS_OUTPUT_LOSS, 0, 31236},
      {163, 300, ROW, CLOSS_OUTPUT_LOSS, 0, 32226},   {163, 300, TRANSPOSED, CLOSS_OUTPUT_LOSS, 0, 32226},
      {1, 40960, SAME, CLOSS_OUTPUT_LOSS, 0, 4641},   {1, 9000, SAME, CLOSS_OUTPUT_LOSS, 64, 97},
      {1, 9000, SAME, CLOSS_OUTPUT_LOSS, 1, 4560},    {1, 9000, OF_F16, CLOSS_OUTPUT_LOSS, 64, 5184},
      {1, 9000, OF_F16, CLOSS_OUTPUT_LOSS, 8, 41196}, {13653, 3, COLUMN, CLOSS_OUTPUT_TARGET_GRADIENT, 0, 796},
      {40960, 1, COLUMN, CLOSS_OUTPUT_LOSS, 0, 4490},
  };
  const closs_caps caps = cpu();
  for (size_t i = 0; i < TEST_COUNT(cases); i++) {
    const uint64_t shape[] = {cases[i].rows, cases[i].columns}, ends[] = {cases[i].rows, 1};
    const int targets = cases[i].targets;
    closs_plan_options options = usual(2, shape, 2, shape);
    if (targets == OF_F16) options.target.dtype = CLOSS_F16;
    if (targets == ROW) options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape + 1);
    if (targets == COLUMN) options.target = closs_tensor_contiguous(CLOSS_F32, 2, ends);
    if (targets == TRANSPOSED) options.target.strides[0] = 1;
    if (targets == TRANSPOSED) options.target.strides[1] = (int64_t)shape[0];
    options.outputs = cases[i].outputs;
    options.schedule = cases[i].work_group ? CLOSS_SCHEDULE_GROUPS : CLOSS_SCHEDULE_LANES;
    options.work_group = cases[i].work_group;
    options.vector_width = cases[i].work_group ? 1 : 0;
    const closs_layout layout = planned(&options, &caps);
    const uint64_t turns = closs_loop_turns(&layout, &layout.steps[0]) >> layout.steps[0].span; /* a chunk's */
    if (turns < cases[i].measured)
      fail_msg("case %zu: %llu turns of %llu", i, (unsigned long long)turns, (unsigned long long)cases[i].measured);
  }
  const closs_layout none = {0};
  const closs_step merge = {.body = CLOSS_BODY_MERGE, .items = 220};
  assert_in_range(closs_loop_turns(&none, &merge), 662, 3 * 662);
}

/* A device that ends loops early has work-items that nobody asked for: their strided loops may have no end. */
static void lone_work_items(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  const uint64_t terms[] = {3 * 4096}, shape[] = {100, 50};
  closs_plan_options plain = usual(1, terms, 1, terms), strided = usual(2, shape, 1, shape + 1);
  caps.platform = "rusticl";
  layout = planned(&strided, &caps);
  caps.max_work_group = 1;
  caps.local_memory = 256;
  layout = planned(&plain, &caps);
  assert_int_equal(layout.steps[0].local, 1);
  assert_int_equal(plan(&strided, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "operands: their layout takes work-groups of a multiple of 8, and not of 1; the "
                                  "device ends loops after 65535");
}

/* The text of a program: its options are structure alone, and fit. */
static void sources(void **state) {
  (void)state;
  for (int v = 0; v < CLOSS_VARIANT_COUNT; v++) {
    closs_program_spec spec = {.variant = (closs_variant)v,
                               .loss = CLOSS_L1,
                               .bodies = CLOSS_BODY_PASS | CLOSS_BODY_COLUMNS | CLOSS_BODY_MERGE | CLOSS_BODY_EXTEND,
                               .flags = CLOSS_ANY,
                               .group = 64,
                               .width = 1};
    closs_source source;
    closs_source_make(&spec, true, &source);
    assert_true(source.count < CLOSS_SOURCE_PARTS);
    assert_true(strlen(source.options) < CLOSS_OPTIONS_LENGTH - 1);
    assert_non_null(strstr(source.options, "-cl-std=CL1.2 "));
    assert_non_null(strstr(source.options, " -DCLOSS_GROUP=64u"));
    assert_null(strstr(source.options, "CLOSS_FLAGS"));
    assert_int_equal(strstr(source.options, "-DCLOSS_WIDE") != NULL,
                     closs_variant_at((closs_variant)v)->index_bits == 64);
    spec.flags = 5;
    closs_source_make(&spec, false, &source);
    assert_non_null(strstr(source.options, " -DCLOSS_FLAGS=5u"));
    assert_null(strstr(source.options, "CLOSS_FP64"));
  }
}

/* Devices without: each alone is planned, within what the device has, and all at once. */
static void devices_without(void **state) {
  (void)state;
  static const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_C64, CLOSS_I64};
  enum { COMPILER, FP64, INT64, WORK_GROUP, MEMORY, ARGUMENTS, ADDRESSES, LOCAL_MEMORY, LACKS };
  for (uint32_t lacks = 0; lacks <= 1u << LACKS; lacks = lacks ? 2 * lacks : 1) {
    const uint32_t all = (1u << LACKS) - 1, set = lacks > all ? all : lacks;
    for (closs_device_type type = CLOSS_DEVICE_CPU; type <= CLOSS_DEVICE_OTHER; type++)
      for (size_t t = 0; t < TEST_COUNT(types); t++) {
        closs_caps caps = cpu();
        caps.type = type;
        caps.compiler = !(set >> COMPILER & 1);
        caps.fp64 = !(set >> FP64 & 1) && !(set >> INT64 & 1);
        caps.int64 = !(set >> INT64 & 1);
        if (set >> WORK_GROUP & 1) caps.max_work_group = 1;
        if (set >> MEMORY & 1) caps.global_memory = 1 << 20;
        if (set >> MEMORY & 1) caps.max_allocation = 1 << 18;
        if (set >> ARGUMENTS & 1) caps.max_arguments = 256;
        if (set >> ADDRESSES & 1) caps.address_bits = 32;
        if (set >> LOCAL_MEMORY & 1) caps.local_memory = 256;
        closs_plan_options options = usual(2, (uint64_t[]){100, 200}, 2, (uint64_t[]){100, 1});
        options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT;
        options.input.dtype = options.target.dtype = types[t];
        const closs_layout layout = planned(&options, &caps);
        assert_int_equal(closs_variant_at(layout.programs[0].variant)->index_bits, 32);
        assert_true(layout.workspace < 1 << 16); /* of 1 MiB of memory */
        for (uint32_t i = 0; i < layout.step_count; i++) {
          assert_in_range(layout.steps[i].local, 1, caps.max_work_group);
          if (layout.steps[i].by_groups) assert_true(caps.local_memory >= 512); /* the lanes of a chunk */
        }
      }
  }
}

/* Where local memory does not hold a chunk's lanes, the choice is lanes; who asks for groups is told. */
static void little_local_memory(void **state) {
  (void)state;
  const uint64_t terms = 100000;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  caps.type = CLOSS_DEVICE_GPU;
  for (caps.local_memory = 0; caps.local_memory <= 1024; caps.local_memory += 256)
    for (closs_dtype dtype = CLOSS_F32; dtype <= CLOSS_F64; dtype++) {
      const uint64_t needed = dtype == CLOSS_F64 ? 1024 : 512;
      options.input.dtype = options.target.dtype = dtype;
      layout = planned(&options, &caps);
      assert_int_equal(layout.schedule, caps.local_memory < needed ? CLOSS_SCHEDULE_LANES : CLOSS_SCHEDULE_GROUPS);
      assert_int_equal(layout.programs[0].group != 0, caps.local_memory >= needed);
      assert_int_equal(layout.steps[0].by_groups, caps.local_memory >= needed);
    }
  caps.local_memory = 511;
  options.input.dtype = options.target.dtype = CLOSS_F32;
  options.vector_width = 2;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  options.vector_width = 0;
  options.schedule = CLOSS_SCHEDULE_GROUPS;
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text, "work_group: 1 needs 512 bytes of local memory; the device has 511, and work-groups "
                                  "up to 4096");
}

/* No array lies beyond the reach of the device's pointers. */
static void short_addresses(void **state) {
  (void)state;
  closs_caps caps = cpu();
  closs_error error;
  closs_layout layout;
  uint64_t terms = UINT64_C(1) << 30;
  closs_plan_options options = usual(1, &terms, 1, &terms);
  caps.address_bits = 32;
  layout = planned(&options, &caps); /* 4 GiB */
  terms++;
  options = usual(1, &terms, 1, &terms);
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_string_equal(error.text,
                      "input: reaches over 1073741825 elements of 4 bytes; the device has addresses of 32 bits");
  options = usual(1, (uint64_t[]){2}, 1, (uint64_t[]){2});
  options.target.strides[0] = -(INT64_C(1) << 30);
  assert_int_equal(plan(&options, &caps, &layout, &error), CLOSS_UNSUPPORTED);
  assert_int_equal(strncmp(error.text, "target: reaches over 1073741825 ", 32), 0);
}

/* No kernel takes more than the 256 bytes of arguments that the embedded profile has, with 64-bit pointers and f64. */
static void arguments(void **state) {
  (void)state;
  static const char *const files[] = {"pass.cl", "columns.cl", "merge.cl", "extend.cl"};
  for (size_t i = 0; i < TEST_COUNT(files); i++) {
    const closs_source_file *file = closs_source_files;
    while (file->name != NULL && strcmp(file->name, files[i]) != 0)
      file++;
    assert_non_null(file->name);
    size_t bytes = 0;
    const char *head = strstr(file->text, "__kernel void closs_");
    head = head ? head : strstr(file->text, "_KERNEL void closs_");
    assert_non_null(head);
    for (const char *at = strchr(head, '('), *end = strchr(at, ')'); at < end;) {
      const size_t length = strcspn(++at, ",)");
      char argument[200];
      assert_true(length < sizeof argument);
      memcpy(argument, at, length);
      argument[length] = '\0';
      bytes += strchr(argument, '*') || strstr(argument, "closs_real ") ? 8 : 4;
      at += length;
    }
    if (bytes < 50 || bytes > 256) fail_msg("%s: %zu bytes of arguments", files[i], bytes);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(dimensions_collapse),
      cmocka_unit_test(fixed_flags),
      cmocka_unit_test(variants),
      cmocka_unit_test(index_width),
      cmocka_unit_test(shares),
      cmocka_unit_test(order_of_launches),
      cmocka_unit_test(blocks_of_columns),
      cmocka_unit_test(groups),
      cmocka_unit_test(tuning),
      cmocka_unit_test(shrinking),
      cmocka_unit_test(shrinking_loops),
      cmocka_unit_test(short_loops),
      cmocka_unit_test(loop_turns),
      cmocka_unit_test(lone_work_items),
      cmocka_unit_test(sources),
      cmocka_unit_test(devices_without),
      cmocka_unit_test(little_local_memory),
      cmocka_unit_test(short_addresses),
      cmocka_unit_test(arguments),
  };
  return cmocka_run_group_tests_name("plan", tests, NULL, NULL);
}
