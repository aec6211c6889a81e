#include <inttypes.h>
#include <stdlib.h>

#include "base/convert.h"
#include "base/error.h"
#include "closs/host.h"
#include "reference/arithmetic.h"
#include "reference/walk.h"

/* By slot. */
#define ARRAY_POINTERS(arrays)                                                                                         \
  (arrays)->input, (arrays)->target, (arrays)->weight, (arrays)->upstream, (arrays)->loss, (arrays)->input_gradient,   \
      (arrays)->target_gradient

/* The order matters. */
/* clang-format off */
#include "reference/type_f32.h"
#include "reference/losses.inc"
#include "reference/compute.inc"
#include "reference/type_end.h"

#include "reference/type_f64.h"
#include "reference/losses.inc"
#include "reference/compute.inc"
#include "reference/type_end.h"
/* clang-format on */

static closs_status check_arrays(const closs_request *request, const closs_arrays *arrays, closs_error *error) {
  const void *const pointers[CLOSS_SLOT_COUNT] = {ARRAY_POINTERS(arrays)};
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; ++slot) {
    const uint64_t elements = closs_tensor_elements(&request->tensors[slot]);
    if (request->used[slot] && !pointers[slot] && elements > 0)
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: is NULL, expected %" PRIu64 " elements",
                        closs_slot_names[slot], elements);
  }
  return CLOSS_OK;
}

closs_status closs_reference(const closs_plan_options *options, const closs_arrays *arrays, closs_error *error) {
  closs_request request;
  if (!arrays || arrays->size != sizeof *arrays)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "arrays: size is %zu, expected %zu", arrays ? arrays->size : 0,
                      sizeof *arrays);
  closs_status status = closs_check_options(options, NULL, &request, error);
  if (status != CLOSS_OK) return status;
  if (request.total_terms != 0)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "total_terms: is %" PRIu64 ", expected 0: the reference takes no pieces", request.total_terms);
  status = check_arrays(&request, arrays, error);
  if (status != CLOSS_OK) return status;
  return request.arithmetic == CLOSS_F64 ? closs_compute_f64(&request, arrays, error)
                                         : closs_compute_f32(&request, arrays, error);
}
