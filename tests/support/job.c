#include "job.h"

#include "harness.h"

cl_mem test_constant(const test_device *device, size_t count, float value) {
  float *values = test_allocate(count * sizeof *values);
  for (size_t i = 0; i < count; ++i)
    values[i] = value;
  cl_mem buffer = test_buffer(device, count * sizeof *values, values);
  free(values);
  return buffer;
}

closs_plan_options test_job_options(void) {
  const uint64_t shape[] = {TEST_JOB_LENGTH};
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  options.loss = CLOSS_L1;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  return options;
}

test_job test_job_make(const test_device *device, const closs_plan_options *options) {
  test_job job = {.device = device, .buffers = CLOSS_BUFFERS_INIT};
  closs_error error;
  if (closs_plan_create(device->closs, options, &job.plan, &error) != CLOSS_OK ||
      closs_plan_prepare(job.plan, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
  const size_t bytes = (size_t)closs_plan_workspace(job.plan);
  job.buffers.workspace.memory = job.memory[0] = test_buffer(device, bytes ? bytes : 1, NULL);
  job.buffers.input.memory = job.memory[1] = test_constant(device, TEST_JOB_LENGTH, 3);
  job.buffers.target.memory = job.memory[2] = test_constant(device, TEST_JOB_LENGTH, 1);
  job.buffers.loss.memory = job.memory[3] = test_constant(device, 1, -1);
  job.buffers.input_gradient.memory = job.memory[4] = test_constant(device, TEST_JOB_LENGTH, -1);
  return job;
}

void test_job_free(test_job *job) {
  for (size_t i = 0; i < TEST_COUNT(job->memory); ++i)
    clReleaseMemObject(job->memory[i]);
  closs_plan_destroy(job->plan);
}

float test_read_float(const test_device *device, cl_mem memory, uint64_t index) {
  float value;
  test_cl(clEnqueueReadBuffer(device->queue, memory, CL_TRUE, (size_t)index * sizeof value, sizeof value, &value, 0,
                              NULL, NULL),
          "clEnqueueReadBuffer");
  return value;
}

void test_job_enqueue(const test_job *job, const closs_buffers *buffers) {
  closs_error error;
  if (closs_enqueue(job->plan, job->device->queue, buffers, 0, NULL, NULL, &error) != CLOSS_OK)
    fail_msg("%s", error.text);
}

void test_job_expect(const test_job *job, const closs_buffers *buffers, float difference) {
  const float gradient = 1 / (float)TEST_JOB_LENGTH;
  const closs_buffer *place = &buffers->input_gradient;
  assert_true(test_read_float(job->device, buffers->loss.memory, buffers->loss.offset) == difference);
  assert_true(test_read_float(job->device, place->memory, place->offset) == gradient);
  assert_true(test_read_float(job->device, place->memory, place->offset + TEST_JOB_LENGTH - 1) == gradient);
}
