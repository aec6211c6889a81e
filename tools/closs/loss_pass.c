#include "loss_pass.h"

#include <stdlib.h>

#include "loss_call.h"
#include "progress.h"

/* Bytes of the small buffers that two plans make for themselves. */
enum { PLAN_BYTES = 8192 };

static const uint32_t result_outputs[PASS_RESULTS] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_INPUT_GRADIENT,
                                                      CLOSS_OUTPUT_TARGET_GRADIENT};

static closs_dtype array_dtype(const struct stream *stream, int array) {
  const closs_plan_options *options = stream->options;
  const closs_tensor *const tensors[PIECES_ARRAYS] = {&options->input, &options->target, options->weight,
                                                      options->upstream};
  return tensors[array] != NULL ? tensors[array]->dtype : (closs_dtype)0;
}

/* ---- plans ---- */

static bool make_plan(const struct stream *stream, const struct pass *pass, const struct pieces_box *box,
                      closs_plan **plan, closs_error *error) {
  closs_plan_options options = *stream->options;
  closs_tensor tensors[PIECES_ARRAYS];
  for (int array = 0; array < PIECES_ARRAYS; array++)
    tensors[array] = pieces_tensor(&stream->space, array, box, array_dtype(stream, array));
  options.outputs = pass->outputs;
  options.total_terms = pass->total_terms;
  options.input = tensors[0];
  options.target = tensors[1];
  if (options.weight != NULL) options.weight = &tensors[2];
  if (options.upstream != NULL) options.upstream = &tensors[3];
  return closs_plan_create(stream->device->context, &options, plan, error) == CLOSS_OK;
}

static bool reads(const struct stream *stream, const struct pass *pass, int array) {
  if (pass->outputs == CLOSS_OUTPUT_WEIGHT_SUM) return array == 2;
  return array_dtype(stream, array) != 0 && (array != 3 || pass->outputs != CLOSS_OUTPUT_LOSS);
}

/* Bytes of a piece's arrays and results. */
static void measure(const struct stream *stream, const struct pass *pass, const closs_plan *plan,
                    const struct pieces_box *box, uint64_t bytes[PASS_SLOTS]) {
  const closs_tensor *const results[PASS_RESULTS] = {closs_plan_loss(plan), closs_plan_input_gradient(plan),
                                                     closs_plan_target_gradient(plan)};
  for (int array = 0; array < PIECES_ARRAYS; array++)
    bytes[array] = reads(stream, pass, array)
                       ? pieces_elements(&stream->space, array, box) * closs_dtype_size(array_dtype(stream, array))
                       : 0;
  for (int i = 0; i < PASS_RESULTS; i++) {
    /* A reduced loss stays a state. */
    bool wanted = (pass->outputs & result_outputs[i]) != 0 && (i != 0 || stream->options->reduction == CLOSS_NONE);
    bytes[PIECES_ARRAYS + i] = wanted ? closs_tensor_elements(results[i]) * closs_dtype_size(results[i]->dtype) : 0;
  }
}

/* Plans for the pieces of a cut, the box of each, and how many sets of buffers it takes. */
struct layout {
  closs_plan *plans[2];
  struct pieces_box boxes[2];
  int sets;
};

static bool make_layout(const struct stream *stream, const struct pass *pass, struct layout *layout,
                        closs_error *error) {
  struct pieces_box box = pass->box;
  pieces_begin(&stream->space, &pass->cut, &box);
  *layout = (struct layout){{NULL, NULL}, {box, box}, 1};
  if (!make_plan(stream, pass, &box, &layout->plans[0], error)) return false;
  if (!pieces_next(&stream->space, &pass->cut, &box)) return true;
  layout->sets = 2;
  uint32_t dim = pass->cut.dims[pass->cut.at];
  uint64_t rest = stream->space.shape[dim] % pass->cut.length;
  layout->boxes[1].length[dim] = rest;
  return rest == 0 || make_plan(stream, pass, &layout->boxes[1], &layout->plans[1], error);
}

static void release_plans(closs_plan *plans[2]) {
  for (int i = 0; i < 2; i++) {
    closs_plan_destroy(plans[i]);
    plans[i] = NULL;
  }
}

static size_t workspace_of(closs_plan *const plans[2]) {
  uint64_t first = closs_plan_workspace(plans[0]), second = plans[1] != NULL ? closs_plan_workspace(plans[1]) : 0;
  return (size_t)(first > second ? first : second);
}

static size_t states_bytes(const struct stream *stream, const struct pass *pass) {
  closs_dtype common = closs_dtype_common(stream->options->input.dtype, stream->options->target.dtype);
  return pass->states * closs_state_size(closs_dtype_arithmetic(common));
}

/* ---- the choice of pieces ---- */

struct question {
  const struct stream *stream;
  struct pass *pass;
  uint64_t most, needed;
  bool no_memory; /* whether the last answer was no for want of it */
  closs_error error;
};

static bool fits(void *user, const struct pieces_cut *cut) {
  struct question *question = user;
  const struct stream *stream = question->stream;
  struct pass *pass = question->pass;
  struct layout layout;
  uint64_t bytes[PASS_SLOTS], sum = 0, largest = 0;
  pass->cut = *cut;
  bool good = make_layout(stream, pass, &layout, &question->error);
  question->no_memory = good;
  if (good) {
    measure(stream, pass, layout.plans[0], &layout.boxes[0], bytes);
    for (int slot = 0; slot < PASS_SLOTS; slot++) {
      sum += bytes[slot];
      if (bytes[slot] > largest) largest = bytes[slot];
    }
    sum = sum * (uint64_t)layout.sets + workspace_of(layout.plans) + states_bytes(stream, pass) + PLAN_BYTES;
    if (sum < question->needed) question->needed = sum;
  }
  release_plans(layout.plans);
  return good && sum <= question->most && largest <= stream->device->max_allocation;
}

bool pass_find(const struct stream *stream, struct pass *pass, uint64_t least, uint64_t most, uint64_t *needed,
               struct failure *failure) {
  struct question question = {.stream = stream, .pass = pass, .most = most, .needed = *needed};
  struct pieces_cut cut = pass->cut;
  bool found = pieces_find(&stream->space, least, fits, &question, &cut);
  pass->cut = cut;
  *needed = question.needed;
  if (!found && !question.no_memory) failure_set_closs(failure, &question.error);
  return found;
}

/* ---- memory ---- */

static bool make_buffer(const struct stream *stream, uint64_t bytes, cl_mem *memory, struct failure *failure) {
  cl_int code = CL_SUCCESS;
  if (bytes == 0) return true;
  *memory = clCreateBuffer(stream->device->opencl, CL_MEM_READ_WRITE, (size_t)bytes, NULL, &code);
  return code == CL_SUCCESS || failure_set_opencl(failure, "clCreateBuffer", code);
}

/* The sizes of whole pieces are those of all. */
static bool make_buffers(const struct stream *stream, struct pass *pass, const struct layout *layout,
                         struct failure *failure) {
  uint64_t bytes[PASS_SLOTS];
  measure(stream, pass, layout->plans[0], &layout->boxes[0], bytes);
  for (int set = 0; set < layout->sets; set++)
    for (int slot = 0; slot < PASS_SLOTS; slot++)
      if (!make_buffer(stream, bytes[slot], &pass->sets[set].memory[slot], failure)) return false;
  for (int array = 0; array < PIECES_ARRAYS; array++) {
    size_t size = closs_dtype_size(array_dtype(stream, array));
    if (bytes[array] == 0 ||
        pieces_find_run(&stream->space, array, &layout->boxes[0], size, stream->arrays[array]) != NULL)
      continue;
    pass->staging[array] = malloc((size_t)bytes[array]);
    if (pass->staging[array] == NULL)
      return failure_set(failure, STATUS_FAILED, "pieces: out of memory for %llu bytes",
                         (unsigned long long)bytes[array]);
  }
  return make_buffer(stream, workspace_of(pass->plans), &pass->workspace, failure) &&
         make_buffer(stream, states_bytes(stream, pass), &pass->state, failure);
}

bool pass_open(struct stream *stream, struct pass *pass, struct failure *failure) {
  struct layout layout;
  closs_error error;
  double start = seconds_now();
  bool good = make_layout(stream, pass, &layout, &error);
  for (int i = 0; i < 2; i++) {
    pass->plans[i] = layout.plans[i];
    if (good && pass->plans[i] != NULL) good = closs_plan_prepare(pass->plans[i], &error) == CLOSS_OK;
  }
  stream->timing.program += seconds_now() - start;
  if (!good) return failure_set_closs(failure, &error);
  start = seconds_now();
  good = make_buffers(stream, pass, &layout, failure);
  stream->timing.transfer += seconds_now() - start;
  return good;
}

static void release_memory(cl_mem memory) {
  if (memory != NULL) clReleaseMemObject(memory);
}

void pass_close(struct pass *pass) {
  for (int set = 0; set < 2; set++) {
    for (int slot = 0; slot < PASS_SLOTS; slot++)
      release_memory(pass->sets[set].memory[slot]);
    if (pass->sets[set].done != NULL) clReleaseEvent(pass->sets[set].done);
  }
  for (int array = 0; array < PIECES_ARRAYS; array++)
    free(pass->staging[array]);
  release_memory(pass->workspace);
  release_memory(pass->state);
  release_plans(pass->plans);
}

/* ---- the run ---- */

static bool read_buffer(const struct stream *stream, cl_mem memory, uint64_t bytes, void *to, struct failure *failure) {
  cl_int code = clEnqueueReadBuffer(stream->transfers, memory, CL_TRUE, 0, (size_t)bytes, to, 0, NULL, NULL);
  return code == CL_SUCCESS || failure_set_opencl(failure, "clEnqueueReadBuffer", code);
}

/* Waits for the piece that a set holds, and fetches its results. */
static bool collect(struct stream *stream, struct pass_set *set, struct failure *failure) {
  if (set->done == NULL) return true;
  double start = seconds_now();
  cl_int code = clWaitForEvents(1, &set->done);
  clReleaseEvent(set->done);
  set->done = NULL;
  double done = seconds_now();
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clWaitForEvents", code);
  for (int i = 0; i < PASS_RESULTS; i++)
    if (set->bytes[i] > 0 &&
        !read_buffer(stream, set->memory[PIECES_ARRAYS + i], set->bytes[i], set->results[i], failure))
      return false;
  stream->timing.kernel += done - start;
  stream->timing.transfer += seconds_now() - done;
  stream->terms_done += set->terms;
  progress_update("%d %%", (int)(100 * (double)stream->terms_done / (double)stream->terms_to_do));
  return true;
}

/* A file that was shortened is met here, in one thread. Drivers copy in several at once, and have handlers in front of
 * this program's: Intel's CPU runtime was once ended by SIGBUS without a word. */
static void read_pages(const void *from, size_t bytes) {
  enum { PAGE = 4096 };
  const volatile unsigned char *at = from;
  for (size_t i = 0; i < bytes; i += PAGE)
    (void)at[i];
  if (bytes > 0) (void)at[bytes - 1];
}

static bool write_array(const struct stream *stream, struct pass *pass, struct pass_set *set, int array,
                        const struct pieces_box *box, struct failure *failure) {
  const struct pieces_space *space = &stream->space;
  size_t size = closs_dtype_size(array_dtype(stream, array));
  size_t bytes = (size_t)pieces_elements(space, array, box) * size;
  const void *from = pieces_find_run(space, array, box, size, stream->arrays[array]);
  if (from == NULL) {
    pieces_pack(space, array, box, size, stream->arrays[array], pass->staging[array]);
    from = pass->staging[array];
  } else {
    read_pages(from, bytes);
  }
  cl_int code = clEnqueueWriteBuffer(stream->transfers, set->memory[array], CL_FALSE, 0, bytes, from, 0, NULL, NULL);
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clEnqueueWriteBuffer", code);
  set->loaded[array] = true;
  set->boxes[array] = *box;
  return true;
}

/* Brings the arrays of a piece to the device, while the kernels of the piece before run there. */
static bool upload(struct stream *stream, struct pass *pass, struct pass_set *set, const struct pieces_box *box,
                   struct failure *failure) {
  double start = seconds_now();
  for (int array = 0; array < PIECES_ARRAYS; array++) {
    bool there = set->loaded[array] && pieces_same(&stream->space, array, &set->boxes[array], box);
    if (set->memory[array] != NULL && !there && !write_array(stream, pass, set, array, box, failure)) return false;
  }
  cl_int code = clFinish(stream->transfers);
  stream->timing.transfer += seconds_now() - start;
  return code == CL_SUCCESS || failure_set_opencl(failure, "clFinish", code);
}

static bool launch(struct stream *stream, struct pass *pass, struct pass_set *set, closs_plan *plan,
                   uint64_t first_term, struct failure *failure) {
  closs_buffers buffers = CLOSS_BUFFERS_INIT;
  closs_error error;
  buffers.input.memory = set->memory[0];
  buffers.target.memory = set->memory[1];
  buffers.weight.memory = set->memory[2];
  buffers.upstream.memory = set->memory[3];
  buffers.loss.memory = set->memory[PIECES_ARRAYS];
  buffers.input_gradient.memory = set->memory[PIECES_ARRAYS + 1];
  buffers.target_gradient.memory = set->memory[PIECES_ARRAYS + 2];
  buffers.workspace.memory = pass->workspace;
  buffers.state.memory = pass->state;
  buffers.upstream_value = stream->upstream_value;
  buffers.first_term = pass->total_terms != 0 ? first_term : 0;
  buffers.weight_reciprocal[0] = pass->reciprocal[0];
  buffers.weight_reciprocal[1] = pass->reciprocal[1];
  if (closs_enqueue(plan, stream->kernels, &buffers, 0, NULL, &set->done, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  cl_int code = clFlush(stream->kernels);
  return code == CL_SUCCESS || failure_set_opencl(failure, "clFlush", code);
}

/* Uploads a piece and launches its kernels; `at` is where its results go, and steps on. */
static bool start_piece(struct stream *stream, struct pass *pass, struct pass_set *set, const struct pieces_box *box,
                        uint64_t first_term, char *at[PASS_RESULTS], struct failure *failure) {
  uint64_t bytes[PASS_SLOTS];
  bool whole = pass->cut.count == 0 || box->length[pass->cut.dims[pass->cut.at]] == pass->cut.length;
  closs_plan *plan = pass->plans[whole ? 0 : 1];
  measure(stream, pass, plan, box, bytes);
  set->terms = pieces_terms(&stream->space, box);
  for (int i = 0; i < PASS_RESULTS; i++) {
    set->results[i] = at[i];
    set->bytes[i] = bytes[PIECES_ARRAYS + i];
    if (at[i] != NULL) at[i] += set->bytes[i];
  }
  return upload(stream, pass, set, box, failure) && launch(stream, pass, set, plan, first_term, failure);
}

static bool write_states(struct stream *stream, const struct pass *pass, const void *states, struct failure *failure) {
  cl_int code = clEnqueueWriteBuffer(stream->transfers, pass->state, CL_TRUE, 0, states_bytes(stream, pass), states, 0,
                                     NULL, NULL);
  return code == CL_SUCCESS || failure_set_opencl(failure, "clEnqueueWriteBuffer", code);
}

bool pass_run(struct stream *stream, struct pass *pass, void *const results[PASS_RESULTS], void *states,
              struct failure *failure) {
  struct pieces_box box = pass->box;
  char *at[PASS_RESULTS] = {results[0], results[1], results[2]};
  uint64_t first_term = 0;
  size_t piece = 0;
  bool good = states == NULL || write_states(stream, pass, states, failure);
  pieces_begin(&stream->space, &pass->cut, &box);
  for (bool more = good; more && good; piece++) {
    struct pass_set *set = &pass->sets[piece % 2];
    good = collect(stream, set, failure) && start_piece(stream, pass, set, &box, first_term, at, failure);
    first_term += pieces_terms(&stream->space, &box);
    more = pieces_next(&stream->space, &pass->cut, &box);
  }
  for (size_t i = 0; i < 2; i++)
    good = good && collect(stream, &pass->sets[(piece + i) % 2], failure);
  good = good && (states == NULL || read_buffer(stream, pass->state, states_bytes(stream, pass), states, failure));
  if (!good) { /* host memory may still be read from */
    clFinish(stream->transfers);
    clFinish(stream->kernels);
  }
  return good;
}
