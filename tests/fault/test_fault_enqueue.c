/* Whatever OpenCL call or host allocation fails, once: points.h says what is to come of it. Here where plans that are
 * there are enqueued. */
#include <string.h>

#include "closs/partial.h"
#include "plan/plan.h"
#include "plan/slices.h"
#include "sum.h"
#include "support/harness.h"
#include "support/job.h"

static void prepare(fault_scene *scene) {
  fault_sum *s = scene->own;
  closs_error error;
  if (test_work_plan(&scene->device, &s->work, &s->plan, &error) != CLOSS_OK) fail_msg("%s", error.text);
}

static void none(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_NONE, FAULT_GRADIENT, 300, false, false);
  prepare(scene);
}

static void mean(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, TEST_JOB_LENGTH, false, false);
  prepare(scene);
}

static void total(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_SUM, CLOSS_OUTPUT_LOSS, TEST_JOB_LENGTH, true, false);
  prepare(scene);
}

static void gradients(fault_scene *scene) {
  fault_sum_begin(scene, CLOSS_MEAN, FAULT_GRADIENTS, 300, false, false);
  prepare(scene);
}

static void columns(fault_scene *scene) {
  fault_sum_everything(scene);
  prepare(scene);
}

/* A transposed target goes through the workspace, in two slices. */
static void slices(fault_scene *scene) {
  const uint64_t shape[] = {64, 100};
  const closs_tensor input = closs_tensor_contiguous(CLOSS_F32, 2, shape);
  const closs_tensor target = test_tensor_transposed(CLOSS_F32, shape);
  scene->device.closs->caps.max_allocation = sizeof(float) * CLOSS_CHUNK * CLOSS_STAGE_PART;
  fault_sum_of(scene, test_work_make(CLOSS_L1, CLOSS_MEAN, CLOSS_OUTPUT_LOSS, &input, &target));
  prepare(scene);
  const fault_sum *s = scene->own;
  assert_int_equal(closs_layout_slices(&s->plan->layout), 2);
}

static void enqueues(void **state) {
  const fault_path paths[] = {{.name = "enqueue none", .begin = none},
                              {.name = "enqueue mean", .begin = mean},
                              {.name = "enqueue weighted sum", .begin = total},
                              {.name = "enqueue gradients", .begin = gradients},
                              {.name = "enqueue weighted mean, columns", .begin = columns},
                              {.name = "enqueue slices", .begin = slices}};
  for (size_t i = 0; i < TEST_COUNT(paths); ++i) {
    fault_path path = paths[i];
    path.work = fault_sum_enqueue;
    path.end = fault_sum_end;
    path.kept = path.all_codes = true;
    fault_walk(*state, &path);
  }
}

/* Behind an event, with an event, on a queue that keeps no order: closs's own events order the launches. */
typedef struct chained {
  test_job job;
  closs_plan *empty; /* of no terms: it only fills */
  cl_event gate;
} chained;

static void begin_chained(fault_scene *scene) {
  chained *c = test_allocate(sizeof *c);
  closs_plan_options options = test_job_options();
  cl_int code = CL_SUCCESS;
  scene->device.queue =
      clCreateCommandQueue(scene->device.context, scene->device.device, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
  test_cl(code, "clCreateCommandQueue");
  c->job = test_job_make(&scene->device, &options);
  options.input.shape[0] = options.target.shape[0] = 0;
  assert_int_equal(closs_plan_create(scene->device.closs, &options, &c->empty, NULL), CLOSS_OK);
  assert_int_equal(closs_plan_prepare(c->empty, NULL), CLOSS_OK);
  c->gate = clCreateUserEvent(scene->device.context, &code);
  test_cl(code, "clCreateUserEvent");
  test_cl(clSetUserEventStatus(c->gate, CL_COMPLETE), "clSetUserEventStatus");
  scene->own = c;
}

static void end_chained(fault_scene *scene) {
  chained *c = scene->own;
  closs_plan_destroy(c->empty);
  test_job_free(&c->job);
  clReleaseEvent(c->gate);
  clReleaseCommandQueue(scene->device.queue);
  free(c);
}

static closs_status enqueue_chained(fault_scene *scene, closs_plan *plan, closs_error *error) {
  const chained *c = scene->own;
  cl_event event = c->gate;
  const closs_status status = closs_enqueue(plan, scene->device.queue, &c->job.buffers, 1, &c->gate, &event, error);
  assert_int_equal(status == CLOSS_OK, event != NULL);
  if (event) {
    test_cl(clWaitForEvents(1, &event), "clWaitForEvents");
    test_cl(clReleaseEvent(event), "clReleaseEvent");
    ++scene->events;
  }
  return status;
}

static closs_status chain(fault_scene *scene, closs_error *error) {
  const chained *c = scene->own;
  closs_status status = enqueue_chained(scene, c->job.plan, error);
  if (status == CLOSS_OK) test_job_expect(&c->job, &c->job.buffers, 2);
  if (status == CLOSS_OK) status = enqueue_chained(scene, c->empty, error);
  if (status == CLOSS_OK) {
    const float loss = test_read_float(&scene->device, c->job.buffers.loss.memory, 0);
    assert_true(loss != loss); /* the mean of nothing */
  }
  return status;
}

static void events(void **state) {
  fault_walk(*state, &(fault_path){.name = "enqueue with events",
                                   .work = chain,
                                   .begin = begin_chained,
                                   .end = end_chained,
                                   .kept = true,
                                   .all_codes = true});
}

/* ---- sums in pieces ---- */

enum { PIECES = 2, PIECE_TERMS = 9 * CLOSS_CHUNK, ALL_TERMS = PIECES * PIECE_TERMS };

typedef struct pieces {
  closs_plan *plan;
  closs_buffers buffers;
  cl_mem memory[4];
} pieces;

static void begin_pieces(fault_scene *scene) {
  pieces *p = test_allocate(sizeof *p);
  closs_plan_options options = test_job_options();
  closs_error error;
  const closs_buffers none_yet = CLOSS_BUFFERS_INIT;
  const test_device *device = &scene->device;
  options.outputs = CLOSS_OUTPUT_LOSS;
  options.total_terms = ALL_TERMS;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){PIECE_TERMS});
  if (closs_plan_create(device->closs, &options, &p->plan, &error) != CLOSS_OK ||
      closs_plan_prepare(p->plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  p->buffers = none_yet;
  p->buffers.input.memory = p->memory[0] = test_constant(device, PIECE_TERMS, 3);
  p->buffers.target.memory = p->memory[1] = test_constant(device, PIECE_TERMS, 1);
  p->buffers.state.memory = p->memory[2] = test_buffer(device, closs_state_size(CLOSS_F32), NULL);
  p->buffers.workspace.memory = p->memory[3] = test_buffer(device, (size_t)closs_plan_workspace(p->plan) + 1, NULL);
  scene->own = p;
}

static void end_pieces(fault_scene *scene) {
  pieces *p = scene->own;
  for (size_t i = 0; i < TEST_COUNT(p->memory); ++i)
    clReleaseMemObject(p->memory[i]);
  closs_plan_destroy(p->plan);
  free(p);
}

/* As `closs loss` streams: a state that goes from piece to piece, and is finished here. */
static closs_status stream(fault_scene *scene, closs_error *error) {
  pieces *p = scene->own;
  unsigned char state[4096];
  const size_t size = closs_state_size(CLOSS_F32);
  closs_status status = closs_state_init(state, CLOSS_F32, 0, error);
  float loss = 0;
  assert_true(size <= sizeof state);
  test_cl(clEnqueueWriteBuffer(scene->device.queue, p->memory[2], CL_TRUE, 0, size, state, 0, NULL, NULL), "write");
  for (uint64_t i = 0; i < PIECES && status == CLOSS_OK; ++i) {
    p->buffers.first_term = i * PIECE_TERMS;
    status = closs_enqueue(p->plan, scene->device.queue, &p->buffers, 0, NULL, NULL, error);
  }
  if (status != CLOSS_OK) return status;
  test_read(&scene->device, p->memory[2], size, state);
  status = closs_state_finish(state, ALL_TERMS, CLOSS_MEAN, NULL, CLOSS_F32, &loss, error);
  assert_true(status == CLOSS_OK && loss == 2);
  return status;
}

static void streams(void **state) {
  fault_walk(
      *state,
      &(fault_path){
          .name = "pieces", .work = stream, .begin = begin_pieces, .end = end_pieces, .kept = true, .all_codes = true});
}

/* ---- the host's arrays ---- */

/* Whether every command was waited for by a clFinish that did not fail. */
static bool is_finished(const test_calls *calls) {
  for (unsigned number = calls->total; number > 0; --number) {
    const enum test_call call = (enum test_call)calls->trace[number];
    if (number == calls->fail_at) continue;
    if (call == TEST_CALL_Finish) return true;
    if (strncmp(test_call_names[call], "clEnqueue", 9) == 0) return false;
  }
  return true;
}

/* The arrays are the caller's again when it returns, whatever it returns. */
static closs_status compute(fault_scene *scene, closs_error *error) {
  fault_sum *s = scene->own;
  test_results results;
  const closs_status status = test_work_compute(&scene->device, &s->work, &results, error);
  if (!is_finished(scene->calls) && !(error && strstr(error->text, "clFinish of a first launch"))) /* on scratch */
    fail_msg("closs_compute() left commands behind: %s", error ? error->text : "");
  return fault_sum_compare(scene, status, &results);
}

/* The program is in the context's memory from here on. */
static void begin_compute(fault_scene *scene) {
  fault_sum_everything(scene);
  assert_int_equal(compute(scene, NULL), CLOSS_OK);
}

static void begin_copied(fault_scene *scene) {
  scene->device.closs->caps.unified_memory = false;
  begin_compute(scene);
}

static void host_arrays(void **state) {
  fault_walk(*state, &(fault_path){.name = "compute, shared memory",
                                   .work = compute,
                                   .begin = begin_compute,
                                   .end = fault_sum_end,
                                   .kept = true,
                                   .all_codes = true});
  fault_walk(*state, &(fault_path){.name = "compute, copies",
                                   .work = compute,
                                   .begin = begin_copied,
                                   .end = fault_sum_end,
                                   .kept = true,
                                   .all_codes = true});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(enqueues), cmocka_unit_test(events), cmocka_unit_test(streams),
                                     cmocka_unit_test(host_arrays)};
  return cmocka_run_group_tests_name("fault enqueue", tests, test_device_setup, test_device_teardown);
}
