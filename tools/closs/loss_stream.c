#include "loss_stream.h"

#include <stdlib.h>

#include "loss_pass.h"

/* Larger pieces are not faster, and leave less to overlap. */
#define PIECE_BYTES (UINT64_C(128) << 20)

/* The sum of the weights; the loss, and the gradients of operands that are not broadcast; those of the others. */
enum { WEIGHTS, TERMS, COLUMNS_INPUT, COLUMNS_TARGET, PASSES };

static const uint32_t gradients[2] = {CLOSS_OUTPUT_INPUT_GRADIENT, CLOSS_OUTPUT_TARGET_GRADIENT};
static const uint32_t slope_sums[2] = {CLOSS_OUTPUT_INPUT_SLOPE_SUM, CLOSS_OUTPUT_TARGET_SLOPE_SUM};

struct work {
  struct loss_call *call;
  struct stream stream;
  struct pass passes[PASSES];
  bool wanted[PASSES];
  uint64_t needed[PASSES]; /* the fewest bytes of device memory that would do, as far as is known */
  uint64_t whole;          /* bytes that one piece would take */
  uint64_t terms;
  closs_dtype arithmetic;
  void *weights, *loss; /* states */
};

/* ---- the choice of passes ---- */

static bool take(struct work *work, int index, uint64_t least, uint64_t most, struct failure *failure) {
  uint64_t limit = work->stream.limit;
  return pass_find(&work->stream, &work->passes[index], least, most < limit ? most : limit, &work->needed[index],
                   failure);
}

static void want(struct work *work, int index, uint32_t outputs, bool sum) {
  struct pass *pass = &work->passes[index];
  work->wanted[index] = true;
  work->needed[index] = UINT64_MAX;
  pass->outputs = outputs;
  pass->total_terms = work->stream.options->reduction != CLOSS_NONE ? work->terms : 0;
  pass->states = sum && pass->total_terms != 0 ? 1 : 0;
  pass->box = pieces_whole(&work->stream.space);
  pass->cut = pieces_walk_all(&work->stream.space);
}

/* A column at a time, in pieces of its terms. */
static bool take_slopes(struct work *work, int operand, struct failure *failure) {
  const struct pieces_space *space = &work->stream.space;
  const closs_plan_options *options = work->stream.options;
  struct pass *pass = &work->passes[COLUMNS_INPUT + operand];
  pass->outputs = slope_sums[operand];
  pass->states = (operand == 0 ? options->input : options->target).dtype >= CLOSS_C64 ? 2 : 1;
  pass->cut = pieces_walk(space, operand, false);
  for (uint32_t d = 0; d < space->rank; d++)
    if (space->strides[operand][d] != 0) pass->box.length[d] = 1;
  pass->total_terms = pieces_terms(space, &pass->box);
  return take(work, COLUMNS_INPUT + operand, CLOSS_CHUNK, PIECE_BYTES, failure);
}

/* The gradient of a broadcast operand: as many columns at a time as there is memory for. */
static bool take_columns(struct work *work, int operand, struct failure *failure) {
  int index = COLUMNS_INPUT + operand;
  want(work, index, gradients[operand], false);
  work->passes[index].cut = pieces_walk(&work->stream.space, operand, true);
  return take(work, index, 1, PIECE_BYTES, failure) || take(work, index, 1, work->stream.limit, failure) ||
         take_slopes(work, operand, failure);
}

static bool choose_passes(struct work *work, struct failure *failure) {
  const closs_plan_options *options = work->stream.options;
  uint32_t outputs = options->outputs;
  uint64_t needed = 0;
  bool found = true;
  if (options->weight != NULL && options->reduction == CLOSS_MEAN && options->mean_over == CLOSS_MEAN_OVER_WEIGHTS) {
    want(work, WEIGHTS, CLOSS_OUTPUT_WEIGHT_SUM, true);
    found = take(work, WEIGHTS, CLOSS_CHUNK, PIECE_BYTES, failure);
  }
  for (int operand = 0; operand < 2; operand++) {
    bool broadcast = pieces_walk(&work->stream.space, operand, false).count > 0;
    if (!broadcast || (outputs & gradients[operand]) == 0) continue;
    outputs &= ~gradients[operand];
    found = take_columns(work, operand, failure) && found;
  }
  want(work, TERMS, outputs, true);
  found = take(work, TERMS, CLOSS_CHUNK, PIECE_BYTES, failure) && found;
  for (int i = 0; i < PASSES; i++)
    if (work->wanted[i] && work->needed[i] > needed) needed = work->needed[i];
  if (work->whole < needed) needed = work->whole;
  return found || failure_set(failure, STATUS_USAGE, "--memory: %llu bytes; this computation takes at least %llu",
                              (unsigned long long)work->stream.limit, (unsigned long long)needed);
}

/* ---- the passes ---- */

/* A state of no terms, or several behind each other; NULL where memory is short. */
static void *begin_states(const struct work *work, size_t count) {
  size_t size = closs_state_size(work->arithmetic);
  char *states = malloc(count * size);
  for (size_t i = 0; states != NULL && i < count; i++)
    closs_state_init(states + i * size, work->arithmetic, 0, NULL);
  return states;
}

static bool run_pass(struct work *work, int index, void *const results[PASS_RESULTS], void **states,
                     struct failure *failure) {
  struct pass *pass = &work->passes[index];
  void *begun = pass->states > 0 ? begin_states(work, pass->states) : NULL;
  if (pass->states > 0 && begun == NULL) return failure_set(failure, STATUS_FAILED, "states: out of memory");
  if (states != NULL) *states = begun;
  bool good = pass_open(&work->stream, pass, failure) && pass_run(&work->stream, pass, results, begun, failure);
  if (good && index == TERMS) loss_call_note(work->call, pass->plans[0]);
  pass_close(pass);
  return good;
}

static bool run_weights(struct work *work, struct failure *failure) {
  void *const none[PASS_RESULTS] = {NULL};
  double reciprocal[2];
  closs_error error;
  if (!work->wanted[WEIGHTS]) return true;
  if (!run_pass(work, WEIGHTS, none, &work->weights, failure)) return false;
  if (closs_state_reciprocal(work->weights, work->terms, reciprocal, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  for (int i = 0; i < PASSES; i++)
    for (int part = 0; part < 2; part++)
      work->passes[i].reciprocal[part] = reciprocal[part];
  return true;
}

static bool run_terms(struct work *work, const struct result *loss, struct failure *failure) {
  const struct loss_call *call = work->call;
  closs_reduction reduction = work->stream.options->reduction;
  uint32_t outputs = work->passes[TERMS].outputs;
  void *const results[PASS_RESULTS] = {
      loss->data, (outputs & CLOSS_OUTPUT_INPUT_GRADIENT) != 0 ? call->input_gradient.data : NULL,
      (outputs & CLOSS_OUTPUT_TARGET_GRADIENT) != 0 ? call->target_gradient.data : NULL};
  closs_error error;
  if (!run_pass(work, TERMS, results, &work->loss, failure)) return false;
  if (reduction != CLOSS_NONE && closs_state_finish(work->loss, work->terms, reduction, work->weights,
                                                    loss->tensor.dtype, loss->data, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  return true;
}

/* The upstream gradient of a reduced loss, rounded to the arithmetic type. */
static double upstream_value(const struct work *work) {
  const closs_tensor *tensor = work->stream.options->upstream;
  unsigned char rounded[sizeof(double)];
  double value = work->stream.upstream_value;
  if (tensor == NULL) return value;
  closs_convert(work->arithmetic, rounded, tensor->dtype, work->stream.arrays[3], 1, NULL);
  closs_convert(CLOSS_F64, &value, work->arithmetic, rounded, 1, NULL);
  return value;
}

/* A column after the other, each by its own sum. */
static bool run_slopes(struct work *work, int operand, const struct result *gradient, struct failure *failure) {
  const struct pieces_space *space = &work->stream.space;
  struct pass *pass = &work->passes[COLUMNS_INPUT + operand];
  struct pieces_cut columns = pieces_walk(space, operand, true);
  closs_state_gradient_options options = CLOSS_STATE_GRADIENT_INIT;
  void *const none[PASS_RESULTS] = {NULL};
  char *element = gradient->data;
  closs_error error;
  options.target = operand == 1;
  options.dtype = gradient->tensor.dtype;
  options.column_terms = pass->total_terms;
  options.reduction = work->stream.options->reduction;
  options.total_terms = work->terms;
  options.weights = work->weights;
  if (options.reduction != CLOSS_NONE) options.upstream_value = upstream_value(work);
  columns.at = columns.count > 0 ? columns.count - 1 : 0;
  columns.length = 1;
  pieces_begin(space, &columns, &pass->box);
  bool good = pass_open(&work->stream, pass, failure);
  do {
    void *states = good ? begin_states(work, pass->states) : NULL;
    if (good && states == NULL) good = failure_set(failure, STATUS_FAILED, "states: out of memory");
    good = good && pass_run(&work->stream, pass, none, states, failure);
    if (good && closs_state_gradient(states, &options, element, &error) != CLOSS_OK)
      good = failure_set_closs(failure, &error);
    free(states);
    element += closs_dtype_size(options.dtype);
  } while (good && pieces_next(space, &columns, &pass->box));
  pass_close(pass);
  return good;
}

static bool run_columns(struct work *work, int operand, const struct result *gradient, struct failure *failure) {
  void *results[PASS_RESULTS] = {NULL};
  if (!work->wanted[COLUMNS_INPUT + operand]) return true;
  if (work->passes[COLUMNS_INPUT + operand].states > 0) return run_slopes(work, operand, gradient, failure);
  results[1 + operand] = gradient->data;
  return run_pass(work, COLUMNS_INPUT + operand, results, NULL, failure);
}

static bool make_queues(struct stream *stream, struct failure *failure) {
  cl_command_queue *const queues[] = {&stream->transfers, &stream->kernels};
  for (int i = 0; i < 2; i++) {
    cl_int code = CL_SUCCESS;
    *queues[i] = clCreateCommandQueue(stream->device->opencl, stream->device->id, 0, &code);
    if (code != CL_SUCCESS) return failure_set_opencl(failure, "clCreateCommandQueue", code);
  }
  return true;
}

static void release(struct work *work) {
  if (work->stream.transfers != NULL) clReleaseCommandQueue(work->stream.transfers);
  if (work->stream.kernels != NULL) clReleaseCommandQueue(work->stream.kernels);
  free(work->weights);
  free(work->loss);
}

bool loss_stream(struct loss_call *call, const closs_plan_options *options, const closs_plan *plan, uint64_t whole,
                 uint64_t limit, const struct result *loss, struct failure *failure) {
  const closs_tensor *const tensors[PIECES_ARRAYS] = {&options->input, &options->target, options->weight,
                                                      options->upstream};
  struct work work = {
      .call = call,
      .stream = {.device = &call->device,
                 .options = options,
                 .arrays = {call->input.data, call->target.data, call->weight.data, call->upstream.data},
                 .upstream_value = call->arrays.upstream_value,
                 .limit = limit},
      .whole = whole,
      .terms = closs_plan_terms(plan)};
  closs_tensor shape;
  work.arithmetic = closs_dtype_arithmetic(closs_dtype_common(options->input.dtype, options->target.dtype));
  closs_tensor_broadcast(&options->input, &options->target, &shape, NULL);
  pieces_space_make(&work.stream.space, &shape, tensors);
  bool good = choose_passes(&work, failure);
  for (int i = 0; i < PASSES; i++)
    work.stream.terms_to_do += work.wanted[i] ? work.terms : 0;
  good = good && make_queues(&work.stream, failure) && run_weights(&work, failure) && run_terms(&work, loss, failure) &&
         run_columns(&work, 0, &call->input_gradient, failure) &&
         run_columns(&work, 1, &call->target_gradient, failure);
  call->timing.program += work.stream.timing.program;
  call->timing.transfer += work.stream.timing.transfer;
  call->timing.kernel += work.stream.timing.kernel;
  release(&work);
  return good;
}
