#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/magnitude.h"
#include "check/steps.h"

const char *closs_shape_text(uint32_t rank, const uint64_t *shape, char text[CLOSS_LIST_TEXT]) {
  size_t used = (size_t)snprintf(text, CLOSS_LIST_TEXT, "[");
  for (uint32_t i = 0; i < rank; i++)
    used += (size_t)snprintf(text + used, CLOSS_LIST_TEXT - used, "%s%" PRIu64, i ? ", " : "", shape[i]);
  (void)snprintf(text + used, CLOSS_LIST_TEXT - used, "]");
  return text;
}

const char *closs_strides_text(uint32_t rank, const int64_t *strides, char text[CLOSS_LIST_TEXT]) {
  size_t used = (size_t)snprintf(text, CLOSS_LIST_TEXT, "[");
  for (uint32_t i = 0; i < rank; i++)
    used += (size_t)snprintf(text + used, CLOSS_LIST_TEXT - used, "%s%" PRId64, i ? ", " : "", strides[i]);
  (void)snprintf(text + used, CLOSS_LIST_TEXT - used, "]");
  return text;
}

bool closs_same_shape(uint32_t rank, const uint64_t *shape, const closs_tensor *tensor) {
  bool same = tensor->rank == rank;
  for (uint32_t i = 0; same && i < rank; i++)
    same = tensor->shape[i] == shape[i];
  return same;
}

/*
 * The element offsets that the strides reach. Both ends must fit an int64 in bytes too, so that whoever adds a buffer's
 * offset has only that sum to check.
 */
static closs_status find_extent(closs_request *request, enum closs_slot slot, const closs_tensor *tensor,
                                closs_error *error) {
  int64_t ends[2] = {0, 0}, bytes;
  for (uint32_t i = 0; i < tensor->rank; i++) {
    int64_t *end = &ends[tensor->strides[i] > 0], reach;
    if (__builtin_mul_overflow((int64_t)(tensor->shape[i] - 1), tensor->strides[i], &reach) ||
        __builtin_add_overflow(*end, reach, end) ||
        __builtin_mul_overflow(*end, (int64_t)closs_dtype_size(tensor->dtype), &bytes))
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "%s: stride %" PRId64 " of dimension %u, %" PRIu64
                        " long, reaches beyond what 64 bits can address",
                        closs_slot_names[slot], tensor->strides[i], (unsigned)i, tensor->shape[i]);
  }
  request->lowest[slot] = ends[0];
  request->highest[slot] = ends[1];
  return CLOSS_OK;
}

closs_status closs_check_layout(closs_request *request, enum closs_slot slot, const closs_tensor *tensor,
                                closs_error *error) {
  const char *name = closs_slot_names[slot];
  if (!closs_dtype_size(tensor->dtype))
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: type %d is none of CLOSS_BOOL (1) to CLOSS_C128 (15)", name,
                      (int)tensor->dtype);
  if (tensor->rank > CLOSS_MAX_RANK)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: rank is %u, expected at most %d", name,
                      (unsigned)tensor->rank, CLOSS_MAX_RANK);
  uint64_t elements = closs_tensor_elements(tensor);
  if (elements > CLOSS_MAX_TERMS) {
    char shape[CLOSS_LIST_TEXT];
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: shape %s has more than 2^43 elements", name,
                      closs_shape_text(tensor->rank, tensor->shape, shape));
  }
  if (elements) {
    closs_status status = find_extent(request, slot, tensor, error);
    if (status) return status;
  }
  closs_tensor *kept = &request->tensors[slot];
  *kept = (closs_tensor){.dtype = tensor->dtype, .rank = tensor->rank};
  for (uint32_t i = 0; i < tensor->rank; i++) {
    kept->shape[i] = tensor->shape[i];
    kept->strides[i] = tensor->strides[i];
  }
  return CLOSS_OK;
}

closs_status closs_check_no_overlap(const closs_request *request, enum closs_slot slot, closs_error *error) {
  const closs_tensor *tensor = &request->tensors[slot];
  uint32_t order[CLOSS_MAX_RANK], count = 0;
  if (!closs_tensor_elements(tensor)) return CLOSS_OK;
  for (uint32_t i = 0; i < tensor->rank; i++) { /* insertion by growing stride; length 1 takes no step */
    if (tensor->shape[i] == 1) continue;
    uint32_t at = count++;
    for (; at && closs_magnitude(tensor->strides[order[at - 1]]) > closs_magnitude(tensor->strides[i]); at--)
      order[at] = order[at - 1];
    order[at] = i;
  }
  uint64_t covered = 1; /* elements that the smaller dimensions span */
  for (uint32_t i = 0; i < count; i++) {
    uint64_t stride = closs_magnitude(tensor->strides[order[i]]);
    if (stride < covered) {
      char strides[CLOSS_LIST_TEXT];
      return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                        "%s: with strides %s elements may share memory; dimension %u has %" PRIu64
                        ", expected at least %" PRIu64,
                        closs_slot_names[slot], closs_strides_text(tensor->rank, tensor->strides, strides),
                        (unsigned)order[i], stride, covered);
    }
    covered += (tensor->shape[order[i]] - 1) * stride;
  }
  return CLOSS_OK;
}

void closs_align_strides(closs_request *request, enum closs_slot slot) {
  const closs_tensor *tensor = &request->tensors[slot];
  uint32_t missing = request->rank - tensor->rank;
  if (!closs_tensor_elements(tensor)) return; /* strides of nothing are not checked, and may not be added up */
  for (uint32_t i = 0; i < tensor->rank; i++)
    request->strides[slot][missing + i] = tensor->shape[i] == 1 ? 0 : tensor->strides[i];
}
