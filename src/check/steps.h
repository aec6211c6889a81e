/* The parts of closs_check_options(), in the order in which it takes them. Each relies on what those before it filled
 * in. */
#ifndef CLOSS_CHECK_STEPS_H
#define CLOSS_CHECK_STEPS_H

#include "check/request.h"

/* The most terms of a sum, and elements of an array: 2^43. */
#define CLOSS_MAX_TERMS (UINT64_C(1) << 43)

/* rules.c: the loss, and the options that are one of a few numbers. */
closs_status closs_check_choices(const closs_plan_options *options, closs_request *request, closs_error *error);

/* operands.c: what is read. */
closs_status closs_check_operands(const closs_plan_options *options, closs_request *request, closs_error *error);

/* rules.c: which types the loss and the device take. */
closs_status closs_check_types(const closs_caps *caps, closs_request *request, closs_error *error);
closs_status closs_check_parameters(const closs_plan_options *options, closs_request *request, closs_error *error);

/* outputs.c: what is written. */
closs_status closs_check_outputs(const closs_plan_options *options, closs_request *request, closs_error *error);

/* layout.c: one array. */

/* Bytes of a shape or of strides as text: "[2, 3]". */
#define CLOSS_LIST_TEXT 192

const char *closs_shape_text(uint32_t rank, const uint64_t *shape, char text[CLOSS_LIST_TEXT]);
const char *closs_strides_text(uint32_t rank, const int64_t *strides, char text[CLOSS_LIST_TEXT]);

bool closs_same_shape(uint32_t rank, const uint64_t *shape, const closs_tensor *tensor);

/* Takes a tensor into the request: type, rank, number of elements, and how far its strides reach. */
closs_status closs_check_layout(closs_request *request, enum closs_slot slot, const closs_tensor *tensor,
                                closs_error *error);

/* No two indices of the slot's tensor are the same element. */
closs_status closs_check_no_overlap(const closs_request *request, enum closs_slot slot, closs_error *error);

/* Fills request->strides of a slot whose tensor broadcasts to the request's shape; without elements they stay 0. */
void closs_align_strides(closs_request *request, enum closs_slot slot);

#endif
