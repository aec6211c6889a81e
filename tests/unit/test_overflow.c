/*
 * Shapes, strides, offsets and sizes at the borders of 32 and 64 bits: what is accepted and refused is compared with
 * arithmetic in 128 bits, so that no product or sum that wraps lets a kernel reach outside a buffer.
 */
#include <string.h>

#include "closs/host.h"
#include "enqueue/places.h"
#include "plan/plan.h"
#include "program/source.h"
#include "support/harness.h"

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 wide_unsigned;

#define P2(n) (UINT64_C(1) << (n))

static const uint64_t lengths[] = {1,      2,          3,          5,          P2(16),     P2(30),    P2(31) - 1,
                                   P2(31), P2(32) - 1, P2(32),     P2(32) + 1, P2(43) - 1, P2(43),    P2(43) + 1,
                                   P2(61), P2(62),     P2(63) - 1, P2(63),     P2(63) + 1, UINT64_MAX};

static const int64_t strides[] = {0,
                                  1,
                                  -1,
                                  3,
                                  (int64_t)P2(30) - 1,
                                  (int64_t)P2(30),
                                  INT32_MAX,
                                  INT32_MIN,
                                  UINT32_MAX,
                                  (int64_t)P2(32),
                                  -(int64_t)P2(32),
                                  (int64_t)P2(59) - 1,
                                  (int64_t)P2(59),
                                  -(int64_t)P2(59),
                                  (int64_t)P2(61),
                                  (int64_t)P2(62),
                                  -(int64_t)P2(62),
                                  INT64_MAX,
                                  -INT64_MAX,
                                  INT64_MIN};

static const closs_dtype dtypes[] = {CLOSS_BOOL, CLOSS_F16, CLOSS_F32, CLOSS_F64};

static bool fits_int64(wide value) {
  return value >= INT64_MIN && value <= INT64_MAX;
}

/* The elements that strides reach from the first; false where their number, or a place in bytes, is too large. */
static bool reach(const closs_tensor *tensor, wide *lowest, wide *highest) {
  const wide size = (wide)closs_dtype_size(tensor->dtype);
  wide elements = 1;
  *lowest = *highest = 0;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    const wide end = (wide)(tensor->shape[i] - 1) * tensor->strides[i];
    if (tensor->shape[i] > P2(43) || (elements *= (wide)tensor->shape[i]) > (wide)P2(43)) return false;
    *(end < 0 ? lowest : highest) += end;
  }
  return fits_int64(*lowest * size) && fits_int64(*highest * size);
}

static closs_plan_options unreduced(const closs_tensor *tensor) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.outputs = CLOSS_OUTPUT_LOSS;
  options.input = *tensor;
  options.target = (closs_tensor){.dtype = CLOSS_F32};
  return options;
}

static closs_tensor matrix(closs_dtype dtype, size_t row, size_t column, size_t row_stride, size_t column_stride) {
  return (closs_tensor){dtype, 2, {lengths[row], lengths[column]}, {strides[row_stride], strides[column_stride]}};
}

/* ---- tensors ---- */

static void elements(void **state) {
  (void)state;
  for (size_t a = 0; a < TEST_COUNT(lengths); a++) {
    for (size_t b = 0; b < TEST_COUNT(lengths); b++) {
      const uint64_t shape[3] = {lengths[a], lengths[b], 0};
      const wide_unsigned product = (wide_unsigned)shape[0] * shape[1];
      const closs_tensor two = closs_tensor_contiguous(CLOSS_F32, 2, shape);
      const closs_tensor three = closs_tensor_contiguous(CLOSS_F32, 3, shape);
      const uint64_t count = closs_tensor_elements(&two);
      assert_true(count == (product > UINT64_MAX ? UINT64_MAX : (uint64_t)product));
      assert_int_equal(closs_tensor_elements(&three), 0);
      assert_true(two.strides[1] == 1);
      assert_true((uint64_t)two.strides[0] == (shape[1] > INT64_MAX ? INT64_MAX : shape[1]));
    }
  }
}

/* Every pair of lengths and strides: refused where anything overflows, else the reach is the exact one. */
static void layouts(void **state) {
  (void)state;
  uint64_t stream = 0;
  size_t accepted = 0;
  for (size_t a = 0; a < TEST_COUNT(lengths); a++)
    for (size_t b = 0; b < TEST_COUNT(lengths); b++)
      for (size_t c = 0; c < TEST_COUNT(strides); c++)
        for (size_t d = 0; d < TEST_COUNT(strides); d++) {
          const closs_tensor tensor = matrix(dtypes[stream++ % TEST_COUNT(dtypes)], a, b, c, d);
          const closs_plan_options options = unreduced(&tensor);
          closs_request request;
          closs_error error = {CLOSS_OK, 0, ""};
          wide lowest, highest;
          const bool good = reach(&tensor, &lowest, &highest);
          const closs_status status = closs_check_options(&options, NULL, &request, &error);
          if (good != (status == CLOSS_OK))
            fail_msg("[%llu, %llu] by %lld, %lld: %s", (unsigned long long)lengths[a], (unsigned long long)lengths[b],
                     (long long)strides[c], (long long)strides[d], error.text);
          if (!good) continue;
          accepted++;
          assert_true(request.lowest[CLOSS_SLOT_INPUT] == lowest && request.highest[CLOSS_SLOT_INPUT] == highest);
        }
  assert_true(accepted > 10000);
}

/* An array without elements may have any lengths and strides: nobody adds them up. */
static void nothing(void **state) {
  (void)state;
  for (size_t a = 0; a < TEST_COUNT(lengths); a++)
    for (size_t c = 0; c < TEST_COUNT(strides); c++) {
      const closs_tensor tensor = {CLOSS_F32, 3, {lengths[a], 0, 7}, {strides[c], strides[c], strides[c]}};
      closs_plan_options options = unreduced(&tensor);
      closs_request request;
      options.target = (closs_tensor){CLOSS_F32, 1, {7}, {1}};
      options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT;
      assert_int_equal(closs_check_options(&options, NULL, &request, NULL), CLOSS_OK);
      assert_int_equal(request.terms, 0);
      for (int d = 0; d < 3; d++)
        assert_int_equal(request.strides[CLOSS_SLOT_INPUT][d], 0);
      float target[7] = {0}, gradient[7] = {1}, loss = 0;
      closs_arrays arrays = CLOSS_ARRAYS_INIT;
      arrays.input = arrays.target = target;
      arrays.target_gradient = gradient;
      arrays.loss = &loss;
      assert_int_equal(closs_reference(&options, &arrays, NULL), CLOSS_OK);
      assert_true(gradient[0] == 0 && gradient[6] == 0);
    }
}

/* ---- layouts ---- */

/* Indices of 32 bits are used only where every product of a length and a stride, and one step more, fits them. */
static void narrow_indices(void **state) {
  (void)state;
  const closs_caps caps = {
      .fp64 = true, .int64 = true, .little_endian = true, .max_work_group = 64, .address_bits = 64};
  size_t narrow = 0;
  for (size_t a = 0; a < 9; a++)
    for (size_t b = 0; b < 9; b++)
      for (size_t c = 0; c < TEST_COUNT(strides); c++)
        for (size_t d = 0; d < TEST_COUNT(strides); d++) {
          const closs_tensor tensor = matrix(CLOSS_F32, a, b, c, d);
          const closs_plan_options options = unreduced(&tensor);
          closs_request request;
          closs_layout layout;
          if (closs_check_options(&options, &caps, &request, NULL) != CLOSS_OK) continue;
          assert_int_equal(closs_layout_make(&options, &request, &caps, &layout, NULL), CLOSS_OK);
          const closs_space *terms = &layout.terms[0];
          if (!layout.has_layout[0] || closs_variant_at(layout.programs[0].variant)->index_bits == 64) continue;
          narrow++;
          for (uint32_t i = 0; i < terms->rank; i++) {
            const wide step = terms->stride[CLOSS_SLOT_INPUT][i], end = step * (wide)terms->size[i];
            assert_true(terms->size[i] <= INT32_MAX && end >= INT32_MIN && end <= INT32_MAX);
          }
        }
  assert_true(narrow > 100);
}

/* ---- places in buffers ---- */

static struct {
  size_t size, offset;
  cl_mem parent;
} buffer;

static cl_int CL_API_CALL buffer_info(cl_mem memory, cl_mem_info info, size_t size, void *value, size_t *needed) {
  const cl_context context = NULL;
  (void)needed;
  assert_ptr_equal(memory, &buffer);
  assert_int_equal(size, sizeof(size_t));
  memcpy(value,
         info == CL_MEM_SIZE      ? (const void *)&buffer.size
         : info == CL_MEM_OFFSET  ? (const void *)&buffer.offset
         : info == CL_MEM_CONTEXT ? (const void *)&context
                                  : (const void *)&buffer.parent,
         size);
  return CL_SUCCESS;
}

static const uint64_t offsets[] = {
    0,      1,          2,      3,          P2(32) - 1, P2(32),     P2(59),         P2(60) - 1, P2(60),
    P2(61), P2(62) - 1, P2(62), P2(63) - 1, P2(63),     P2(63) + 1, UINT64_MAX - 1, UINT64_MAX};

/* The input of a prepared plan, at every offset in buffers of every size. */
static void check_places(const closs_tensor *tensor, const closs_context *context) {
  closs_plan plan = {.context = (closs_context *)(uintptr_t)context};
  wide lowest, highest;
  const closs_plan_options options = unreduced(tensor);
  if (!reach(tensor, &lowest, &highest)) return;
  assert_int_equal(closs_check_options(&options, NULL, &plan.request, NULL), CLOSS_OK);
  memset(plan.request.used, 0, sizeof plan.request.used);
  plan.request.used[CLOSS_SLOT_INPUT] = true;
  for (size_t o = 0; o < TEST_COUNT(offsets); o++)
    for (size_t s = 0; s < TEST_COUNT(offsets); s++) {
      const wide size = (wide)closs_dtype_size(tensor->dtype), begin = ((wide)offsets[o] + lowest) * size;
      const wide end = ((wide)offsets[o] + highest + 1) * size;
      closs_buffers buffers = CLOSS_BUFFERS_INIT;
      closs_places places;
      closs_error error = {CLOSS_OK, 0, ""};
      buffer.size = (size_t)offsets[s];
      buffers.input = (closs_buffer){(cl_mem)(void *)&buffer, offsets[o]};
      const closs_status status = closs_places_check(&plan, &buffers, &places, &error);
      if ((begin >= 0 && end <= (wide)buffer.size) != (status == CLOSS_OK))
        fail_msg("offset %llu in %zu bytes: %s", (unsigned long long)offsets[o], buffer.size, error.text);
    }
}

static void places(void **state) {
  (void)state;
  const closs_context context = {.cl = {.GetMemObjectInfo = buffer_info}};
  for (size_t t = 0; t < TEST_COUNT(dtypes); t++)
    for (size_t a = 0; a < 6; a++)
      for (size_t c = 0; c < TEST_COUNT(strides); c++)
        for (size_t d = 0; d < TEST_COUNT(strides); d++) {
          const closs_tensor tensor = matrix(dtypes[t], a, 1, c, d);
          check_places(&tensor, &context);
        }
}

static void workspaces(void **state) {
  (void)state;
  closs_context context = {.cl = {.GetMemObjectInfo = buffer_info}};
  closs_plan plan = {.context = &context};
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  closs_places made;
  plan.request.arithmetic = CLOSS_F32;
  for (size_t w = 0; w < TEST_COUNT(offsets); w++)
    for (size_t o = 0; o < TEST_COUNT(offsets); o++)
      for (size_t s = 0; s < TEST_COUNT(offsets); s++) {
        plan.layout.workspace = offsets[w] > 0 ? offsets[w] : 4;
        buffer.size = (size_t)offsets[s];
        buffers.workspace = (closs_buffer){(cl_mem)(void *)&buffer, offsets[o]};
        const bool good = offsets[o] % 16 == 0 && (wide)offsets[o] + (wide)plan.layout.workspace <= (wide)buffer.size;
        assert_int_equal(closs_places_check(&plan, &buffers, &made, NULL) == CLOSS_OK, good);
      }
}

/* The terms of a piece lie among all of them. */
static void pieces(void **state) {
  (void)state;
  closs_context context = {.cl = {.GetMemObjectInfo = buffer_info}};
  closs_plan plan = {.context = &context};
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  closs_places made;
  buffer.size = P2(20);
  buffers.state = (closs_buffer){(cl_mem)(void *)&buffer, 0};
  plan.request.arithmetic = CLOSS_F32;
  plan.request.states = 1;
  for (size_t a = 0; a < TEST_COUNT(offsets); a++)
    for (size_t b = 0; b < TEST_COUNT(offsets); b++)
      for (size_t c = 0; c < TEST_COUNT(offsets); c++) {
        plan.request.terms = offsets[a];
        plan.request.total_terms = offsets[b];
        buffers.first_term = offsets[c];
        const bool good = offsets[b] == 0 || (wide)offsets[c] + (wide)offsets[a] <= (wide)offsets[b];
        assert_int_equal(closs_places_check(&plan, &buffers, &made, NULL) == CLOSS_OK, good);
      }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elements),       cmocka_unit_test(layouts), cmocka_unit_test(nothing),
      cmocka_unit_test(narrow_indices), cmocka_unit_test(places),  cmocka_unit_test(workspaces),
      cmocka_unit_test(pieces),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
