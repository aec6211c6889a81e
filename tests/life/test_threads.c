/* One context for many threads: each makes plans, compiles, enqueues on a queue of its own and drops what it made. What
 * several of them need is compiled once, and every result has the reference's bits. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "support/harness.h"
#include "support/work.h"

enum { THREADS = 8, KINDS = 3, VARIANTS = 2, IN_FLIGHT = 3 };

/* ---- a table that counts programs, from any thread ---- */

static atomic_uint sources, builds, failing_build;

static cl_program CL_API_CALL count_source(cl_context context, cl_uint count, const char **texts, const size_t *sizes,
                                           cl_int *code) {
  ++sources;
  return clCreateProgramWithSource(context, count, texts, sizes, code);
}

/* Slow, so that the other threads come while one compiles. */
static cl_int CL_API_CALL build_slowly(cl_program program, cl_uint count, const cl_device_id *devices,
                                       const char *options, void(CL_CALLBACK *done)(cl_program, void *), void *user) {
  const struct timespec moment = {0, 100000000};
  const unsigned number = ++builds;
  nanosleep(&moment, NULL);
  return number == failing_build ? CL_OUT_OF_RESOURCES : clBuildProgram(program, count, devices, options, done, user);
}

/* A context in which nothing is compiled yet. */
static closs_context *fresh_context(const test_device *device, unsigned build_that_fails) {
  static closs_opencl table;
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_context *context;
  closs_error error;
  table = *closs_opencl_loader();
  table.CreateProgramWithSource = count_source;
  table.BuildProgram = build_slowly;
  sources = builds = 0;
  failing_build = build_that_fails;
  options.opencl = &table;
  if (closs_context_create(device->context, device->device, &options, &context, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  return context;
}

/* ---- what is computed ---- */

/* One computation on VARIANTS different operands, and what the reference makes of them. */
typedef struct kind {
  test_work works[VARIANTS];
  test_results expected[VARIANTS];
} kind;

static kind kinds[KINDS];

static void make_kind(kind *k, uint32_t outputs, closs_tensor input, closs_tensor target, bool weighted) {
  uint64_t stream = 7;
  for (size_t v = 0; v < VARIANTS; ++v) {
    test_work *work = &k->works[v];
    closs_error error;
    *work = test_work_make(CLOSS_L1, CLOSS_MEAN, outputs, &input, &target);
    test_array_fill(&work->arrays[TEST_INPUT], TEST_PLAIN, &stream);
    if (weighted) {
      work->arrays[TEST_WEIGHT] = test_array_make(&input, 0);
      test_array_fill(&work->arrays[TEST_WEIGHT], TEST_POSITIVE, &stream);
    }
    test_work_outputs(work, v);
    if (test_work_reference(work, &k->expected[v], &error) != CLOSS_OK) fail_msg("%s", error.text);
  }
}

/* Sums of one launch and of several, of weights and by columns, with the programs of device/test_calls.c: a driver that
 * keeps what it compiled need not again. */
static void make_kinds(void) {
  const closs_tensor row = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){40000});
  const closs_tensor one = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  const closs_tensor grid = closs_tensor_contiguous(CLOSS_F32, 2, (uint64_t[]){300, 70});
  const closs_tensor columns = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){70});
  make_kind(&kinds[0], CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT, row, row, false);
  make_kind(&kinds[1], CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT | CLOSS_OUTPUT_TARGET_GRADIENT, row, one, true);
  make_kind(&kinds[2], CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_TARGET_GRADIENT, grid, columns, false);
}

static void free_kinds(void) {
  for (size_t k = 0; k < KINDS; ++k)
    for (size_t v = 0; v < VARIANTS; ++v) {
      test_work_free(&kinds[k].works[v]);
      test_results_free(&kinds[k].expected[v]);
    }
}

/* ---- a thread ---- */

/* cmocka's assertions end the thread of the test alone: a worker keeps its first failure instead. */
typedef struct worker {
  const test_device *device;
  closs_context *context;
  pthread_barrier_t *start;
  unsigned number, rounds;
  cl_command_queue queue, writes; /* a second one for what the first waits for */
  closs_device_class device_class;
  closs_status status; /* of the last call of closs */
  char failure[640];
} worker;

static bool wrong(worker *w, const char *what, const char *why) {
  if (!w->failure[0]) snprintf(w->failure, sizeof w->failure, "thread %u: %s: %s", w->number, what, why);
  return false;
}

static bool went_well(worker *w, cl_int code, const char *call) {
  return code == CL_SUCCESS || wrong(w, call, closs_opencl_error_name(code));
}

/* One enqueue: its buffers, and the event that says that it is done. */
typedef struct flight {
  cl_mem memory[TEST_SLOTS], workspace;
  cl_event done;
} flight;

/* The input is not there yet: work that did not wait for it would show. */
static bool place(worker *w, const test_work *work, const closs_plan *plan, flight *f) {
  const size_t bytes = (size_t)closs_plan_workspace(plan);
  cl_int code = CL_SUCCESS;
  for (unsigned slot = 0; slot < TEST_SLOTS && code == CL_SUCCESS; ++slot) {
    const test_array *array = &work->arrays[slot];
    void *content = slot == TEST_INPUT ? NULL : array->bytes;
    if (array->bytes)
      f->memory[slot] = clCreateBuffer(w->device->context, CL_MEM_READ_WRITE | (content ? CL_MEM_COPY_HOST_PTR : 0),
                                       array->size, content, &code);
  }
  if (code == CL_SUCCESS)
    f->workspace = clCreateBuffer(w->device->context, CL_MEM_READ_WRITE, bytes ? bytes : 1, NULL, &code);
  return went_well(w, code, "clCreateBuffer");
}

static bool enqueue(worker *w, const test_work *work, closs_plan *plan, cl_event gate, flight *f) {
  closs_buffer places[TEST_SLOTS];
  closs_error error;
  cl_int state = CL_COMPLETE;
  if (!place(w, work, plan, f)) return false;
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    places[slot] = (closs_buffer){f->memory[slot], work->arrays[slot].origin};
  const closs_buffers buffers = test_work_buffers(work, places, (closs_buffer){f->workspace, 0});
  w->status = closs_enqueue(plan, w->queue, &buffers, 1, &gate, &f->done, &error);
  if (w->status != CLOSS_OK) return wrong(w, "closs_enqueue", error.text);
  const cl_int code = clGetEventInfo(f->done, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, NULL);
  return went_well(w, code, "clGetEventInfo") && (state > CL_COMPLETE || wrong(w, "event", "it did not wait"));
}

static bool write_input(worker *w, const test_work *work, const flight *f) {
  const test_array *input = &work->arrays[TEST_INPUT];
  return went_well(
      w, clEnqueueWriteBuffer(w->writes, f->memory[TEST_INPUT], CL_TRUE, 0, input->size, input->bytes, 0, NULL, NULL),
      "write");
}

static bool compare(worker *w, const test_results *expected, const flight *f) {
  static const char *const names[TEST_SLOTS] = {"input", "target",         "weight",         "upstream",
                                                "loss",  "input gradient", "target gradient"};
  bool good = true;
  for (unsigned slot = 0; slot < TEST_SLOTS && good; ++slot) {
    const size_t size = expected->arrays[slot].size;
    unsigned char *bytes = f->memory[slot] ? malloc(size) : NULL;
    if (!bytes) continue;
    good = went_well(w, clEnqueueReadBuffer(w->queue, f->memory[slot], CL_TRUE, 0, size, bytes, 0, NULL, NULL), "read");
    if (good && memcmp(bytes, expected->arrays[slot].bytes, size) != 0)
      good = wrong(w, names[slot], "other bytes than the reference's");
    free(bytes);
  }
  return good;
}

static void drop(flight *f) {
  for (unsigned slot = 0; slot < TEST_SLOTS; ++slot)
    if (f->memory[slot]) clReleaseMemObject(f->memory[slot]);
  if (f->workspace) clReleaseMemObject(f->workspace);
  if (f->done) clReleaseEvent(f->done);
}

static closs_plan *make_plan(worker *w, const test_work *work) {
  closs_plan *plan = NULL;
  closs_error error;
  w->status = closs_plan_create(w->context, &work->options, &plan, &error);
  if (w->status == CLOSS_OK) w->status = closs_plan_prepare(plan, &error);
  if (w->status == CLOSS_OK) return plan;
  wrong(w, "closs_plan_prepare", error.text);
  closs_plan_destroy(plan);
  return NULL;
}

/* A plan, enqueued for several sets of buffers behind a gate; in every other round it is destroyed before that opens.
 */
static bool one_round(worker *w, unsigned round) {
  const kind *k = &kinds[(w->number + round) % KINDS];
  flight flights[IN_FLIGHT] = {{{NULL}, NULL, NULL}};
  cl_int code = CL_SUCCESS;
  closs_plan *plan = make_plan(w, &k->works[0]);
  cl_event gate = plan ? clCreateUserEvent(w->device->context, &code) : NULL;
  bool good = plan && went_well(w, code, "clCreateUserEvent");
  for (size_t i = 0; i < IN_FLIGHT && good; ++i)
    good = enqueue(w, &k->works[(round + i) % VARIANTS], plan, gate, &flights[i]);
  good = good && went_well(w, clFlush(w->queue), "clFlush");
  for (size_t i = 0; i < IN_FLIGHT && good; ++i)
    good = write_input(w, &k->works[(round + i) % VARIANTS], &flights[i]);
  if (round % 2) {
    closs_plan_destroy(plan);
    plan = NULL;
  }
  if (gate) good = went_well(w, clSetUserEventStatus(gate, CL_COMPLETE), "clSetUserEventStatus") && good;
  good = went_well(w, clFinish(w->queue), "clFinish") && good;
  for (size_t i = 0; i < IN_FLIGHT && good; ++i)
    good = compare(w, &k->expected[(round + i) % VARIANTS], &flights[i]);
  for (size_t i = 0; i < IN_FLIGHT; ++i)
    drop(&flights[i]);
  if (gate) clReleaseEvent(gate);
  closs_plan_destroy(plan);
  return good;
}

/* Every other thread's queue is out of order, where there are such. */
static cl_command_queue make_queue(const test_device *device, unsigned number) {
  cl_command_queue_properties offered = 0;
  cl_int code;
  clGetDeviceInfo(device->device, CL_DEVICE_QUEUE_PROPERTIES, sizeof offered, &offered, NULL);
  return clCreateCommandQueue(device->context, device->device,
                              number % 2 ? offered & CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE : 0, &code);
}

static void *work_all_rounds(void *user) {
  worker *w = user;
  pthread_barrier_wait(w->start);
  w->queue = make_queue(w->device, w->number);
  w->writes = make_queue(w->device, 0);
  if (!w->queue || !w->writes || closs_context_probe(w->context, &w->device_class, NULL) != CLOSS_OK)
    wrong(w, "start", "no queue, or no class");
  for (unsigned round = 0; round < w->rounds && !w->failure[0]; ++round)
    one_round(w, round);
  if (w->queue) clReleaseCommandQueue(w->queue);
  if (w->writes) clReleaseCommandQueue(w->writes);
  return NULL;
}

static void *prepare_once(void *user) {
  worker *w = user;
  pthread_barrier_wait(w->start);
  closs_plan_destroy(make_plan(w, &kinds[0].works[0]));
  return NULL;
}

/* Runs THREADS workers on one context. */
static void run_workers(worker workers[THREADS], const test_device *device, closs_context *context, unsigned rounds,
                        void *(*function)(void *)) {
  pthread_t ids[THREADS];
  pthread_barrier_t start;
  assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
  for (unsigned i = 0; i < THREADS; ++i) {
    workers[i] = (worker){.device = device, .context = context, .start = &start, .number = i, .rounds = rounds};
    assert_int_equal(pthread_create(&ids[i], NULL, function, &workers[i]), 0);
  }
  for (unsigned i = 0; i < THREADS; ++i)
    pthread_join(ids[i], NULL);
  pthread_barrier_destroy(&start);
}

/* ---- the tests ---- */

/* How many programs all kinds and the probe take: one thread alone, one after the other. */
static unsigned programs_for_one_thread(const test_device *device) {
  closs_context *context = fresh_context(device, 0);
  assert_int_equal(closs_context_probe(context, NULL, NULL), CLOSS_OK);
  for (size_t k = 0; k < KINDS; ++k) {
    worker alone = {.device = device, .context = context};
    closs_plan_destroy(make_plan(&alone, &kinds[k].works[0]));
    if (alone.failure[0]) fail_msg("%s", alone.failure);
  }
  closs_context_destroy(context);
  return sources;
}

static void test_one_context_for_all(void **state) {
  const unsigned expected = programs_for_one_thread(*state), rounds = getenv("CLOSS_TEST_FULL") ? 400 : 12;
  closs_context *context = fresh_context(*state, 0);
  worker workers[THREADS];
  run_workers(workers, *state, context, rounds, work_all_rounds);
  closs_context_destroy(context);
  for (unsigned i = 0; i < THREADS; ++i) {
    if (workers[i].failure[0]) fail_msg("%s", workers[i].failure);
    assert_int_equal(workers[i].device_class, workers[0].device_class);
  }
  assert_int_equal(sources, expected);
  printf("%d threads, %u plans, %u enqueues, %u programs\n", THREADS, THREADS * rounds, THREADS * rounds * IN_FLIGHT,
         expected);
}

static void test_one_program_once(void **state) {
  closs_context *context = fresh_context(*state, 0);
  worker workers[THREADS];
  run_workers(workers, *state, context, 0, prepare_once);
  closs_context_destroy(context);
  for (unsigned i = 0; i < THREADS; ++i)
    if (workers[i].failure[0]) fail_msg("%s", workers[i].failure);
  assert_int_equal(sources, 1);
}

/* The thread whose build fails gets the error; those that waited for it build for themselves, one for all. */
static void test_a_failed_build_is_one_threads(void **state) {
  closs_context *context = fresh_context(*state, 1);
  worker workers[THREADS];
  unsigned refused = 0;
  run_workers(workers, *state, context, 0, prepare_once);
  closs_context_destroy(context);
  for (unsigned i = 0; i < THREADS; ++i)
    refused += workers[i].status != CLOSS_OK;
  assert_int_equal(refused, 1);
  assert_int_equal(builds, 2);
}

static int set_up(void **state) {
  if (test_device_setup(state) != 0) return -1;
  make_kinds();
  return 0;
}

static int tear_down(void **state) {
  free_kinds();
  return test_device_teardown(state);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_one_program_once),
      cmocka_unit_test(test_a_failed_build_is_one_threads),
      cmocka_unit_test(test_one_context_for_all),
  };
  return cmocka_run_group_tests_name("threads", tests, set_up, tear_down);
}
