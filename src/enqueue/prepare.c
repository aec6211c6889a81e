#include "enqueue/prepare.h"

#include <stdio.h>

#include "base/allocate.h"
#include "base/error.h"
#include "enqueue/launch.h"
#include "plan/slices.h"
#include "program/source.h"

#define SCRATCH_BYTES 256

static void put_space(const closs_space *space, int64_t words[CLOSS_SPACE_WORDS]) {
  words[0] = space->rank;
  for (uint32_t d = 0; d < space->rank; d++) {
    words[1 + d] = (int64_t)space->size[d];
    for (uint32_t slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
      words[1 + CLOSS_MAX_RANK * (1 + slot) + d] = space->stride[slot][d];
    }
  }
}

/* The layout arrays that kernels read, in the width of their indices. */
static closs_status make_layouts(closs_plan *plan, closs_error *error) {
  const closs_opencl *cl = &plan->context->cl;
  bool wide = closs_variant_at(plan->layout.programs[0].variant)->index_bits == 64;
  for (uint32_t i = 0; i < CLOSS_LAYOUTS; i++) {
    if (!plan->layout.has_layout[i]) {
      continue;
    }
    int64_t words[CLOSS_LAYOUT_WORDS] = {0};
    int32_t narrow[CLOSS_LAYOUT_WORDS];
    put_space(&plan->layout.terms[i], words);
    put_space(&plan->layout.columns[i], words + CLOSS_SPACE_WORDS);
    for (uint32_t w = 0; w < CLOSS_LAYOUT_WORDS; w++) {
      narrow[w] = (int32_t)words[w]; /* unused where wide */
    }
    size_t size = wide ? sizeof words : sizeof narrow;
    cl_int code = CL_SUCCESS;
    plan->layouts[i] = cl->CreateBuffer(plan->context->context, CL_MEM_READ_ONLY | CL_MEM_COPY_HOST_PTR, size,
                                        wide ? (void *)words : (void *)narrow, &code);
    if (code != CL_SUCCESS) {
      plan->layouts[i] = NULL;
      return closs_fail_opencl(error, code, "clCreateBuffer of %zu bytes for a layout", size);
    }
  }
  return CLOSS_OK;
}

/* The kernel of a body in a program: its name. */
static void kernel_name(const closs_program *program, enum closs_body body, char name[CLOSS_PREFIX + 16]) {
  int i = 0;
  while (closs_bodies[i].body != body) {
    i++;
  }
  snprintf(name, CLOSS_PREFIX + 16, "%s%s", program->prefix, closs_bodies[i].name);
}

static closs_status make_kernels(closs_plan *plan, closs_error *error) {
  closs_program programs[CLOSS_MAX_PROGRAMS];
  closs_status status = CLOSS_OK;
  for (uint32_t i = 0; i < CLOSS_MAX_PROGRAMS && status == CLOSS_OK; i++) {
    if (plan->layout.programs[i].bodies != 0) {
      status = closs_program_get(plan->context, &plan->layout.programs[i], &programs[i], error);
      /* Of two programs, the one that took longer to get. */
      plan->origin = plan->origin == CLOSS_PROGRAM_COMPILED ? plan->origin : programs[i].origin;
    }
  }
  for (uint32_t i = 0; i < plan->layout.step_count && status == CLOSS_OK; i++) {
    const closs_program *program = &programs[plan->layout.steps[i].program];
    char name[CLOSS_PREFIX + 16];
    cl_int code = CL_SUCCESS;
    kernel_name(program, plan->layout.steps[i].body, name);
    plan->kernels[i].single = program->single;
    plan->kernels[i].handle = plan->context->cl.CreateKernel(program->handle, name, &code);
    if (code != CL_SUCCESS) {
      plan->kernels[i].handle = NULL;
      status = closs_fail_opencl(error, code, "clCreateKernel of %s", name);
    }
  }
  return status;
}

/* Enough for every driver's idea of a large launch. */
#define WARM_UP_GROUPS ((size_t)1 << 16)

/* Whether a step is launched for one slice after the other. */
static bool is_sliced(const closs_plan *plan, uint32_t step) {
  const closs_staging *staging = &plan->layout.staging;
  return staging->slots != 0 && step >= staging->begin && step < staging->end;
}

/*
 * Runs each kernel once without work: some drivers compile at the first launch of a local size, and again for one of
 * many groups. Pieces, and the last slice, may be launched both ways. `at` becomes the step whose launch failed, if one
 * did.
 */
static closs_status warm_up(closs_plan *plan, uint32_t *at, closs_error *error) {
  const closs_opencl *cl = &plan->context->cl;
  cl_int code = CL_SUCCESS;
  cl_command_queue queue = cl->CreateCommandQueue(plan->context->context, plan->context->device, 0, &code);
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clCreateCommandQueue for a first launch");
  }
  closs_places places;
  closs_places_scratch(plan, &places);
  closs_status status = CLOSS_OK;
  for (uint32_t i = 0; i < plan->layout.step_count && status == CLOSS_OK; i++) {
    const closs_step step = is_sliced(plan, i) ? closs_layout_slice(&plan->layout, i, 0) : plan->layout.steps[i];
    closs_step nothing = step;
    *at = i;
    nothing.columns = 0;
    nothing.chunks = 0;
    nothing.state = 0;     /* scratch has no second one */
    places.first_term = 1; /* extends no state */
    size_t groups = closs_launch_groups(&step);
    groups = groups < WARM_UP_GROUPS ? groups : WARM_UP_GROUPS;
    status = closs_launch(plan, i, &nothing, &places, groups, queue, 0, NULL, NULL, error);
    if (status == CLOSS_OK && (plan->request.total_terms != 0 || is_sliced(plan, i)) && groups > 1) {
      status = closs_launch(plan, i, &nothing, &places, 1, queue, 0, NULL, NULL, error);
    }
  }
  code = cl->Finish(queue);
  if (code != CL_SUCCESS && status == CLOSS_OK) {
    *at = CLOSS_MAX_STEPS;
    status = closs_fail_opencl(error, code, "clFinish of a first launch");
  }
  cl->ReleaseCommandQueue(queue);
  return status;
}

static void release_kernels(closs_plan *plan) {
  for (uint32_t i = 0; i < CLOSS_MAX_STEPS; i++) {
    if (plan->kernels[i].handle != NULL) {
      plan->context->cl.ReleaseKernel(plan->kernels[i].handle);
    }
    plan->kernels[i] = (closs_kernel){0};
  }
}

/* How drivers say that a kernel takes more registers or local memory than there are for its work-group size; the second
 * may mean other things, and then comes again at any size. */
static bool is_too_large(const closs_error *error) {
  return error->opencl == CL_INVALID_WORK_GROUP_SIZE || error->opencl == CL_OUT_OF_RESOURCES;
}

/* Kernels that have run; one that does not fit is made again for smaller work-groups. */
static closs_status make_ready(closs_plan *plan, closs_error *error) {
  closs_error problem = {CLOSS_OK, CL_SUCCESS, ""};
  closs_status status;
  uint32_t at;
  do {
    release_kernels(plan);
    at = CLOSS_MAX_STEPS;
    status = make_kernels(plan, &problem);
    status = status == CLOSS_OK ? warm_up(plan, &at, &problem) : status;
  } while (status == CLOSS_OPENCL_ERROR && at < CLOSS_MAX_STEPS && is_too_large(&problem) &&
           closs_layout_shrink(&plan->layout, at, &plan->context->caps));
  if (status != CLOSS_OK && error != NULL) {
    *error = problem;
  }
  return status;
}

closs_status closs_prepare(closs_plan *plan, closs_error *error) {
  if (plan->prepared) {
    return CLOSS_OK;
  }
  closs_status status = CLOSS_OK;
  if (plan->layout.step_count > 0) {
    cl_int code = CL_SUCCESS;
    unsigned char zeros[SCRATCH_BYTES] = {0}; /* no state that begins at 1 */
    plan->scratch = plan->context->cl.CreateBuffer(plan->context->context, CL_MEM_READ_WRITE | CL_MEM_COPY_HOST_PTR,
                                                   SCRATCH_BYTES, zeros, &code);
    if (code != CL_SUCCESS) {
      plan->scratch = NULL;
      status = closs_fail_opencl(error, code, "clCreateBuffer of %d bytes of scratch", SCRATCH_BYTES);
    }
    status = status == CLOSS_OK ? make_layouts(plan, error) : status;
    status = status == CLOSS_OK ? make_ready(plan, error) : status;
    for (uint32_t i = 0; i < CLOSS_MAX_PROGRAMS && status == CLOSS_OK; i++) {
      if (plan->layout.programs[i].bodies != 0) {
        closs_program_keep(plan->context, &plan->layout.programs[i]);
      }
    }
  }
  if (status != CLOSS_OK) {
    closs_unprepare(plan);
  }
  plan->prepared = status == CLOSS_OK;
  return status;
}

void closs_unprepare(closs_plan *plan) {
  const closs_opencl *cl = &plan->context->cl;
  release_kernels(plan);
  for (uint32_t i = 0; i < CLOSS_LAYOUTS; i++) {
    if (plan->layouts[i] != NULL) {
      cl->ReleaseMemObject(plan->layouts[i]);
    }
    plan->layouts[i] = NULL;
  }
  if (plan->scratch != NULL) {
    cl->ReleaseMemObject(plan->scratch);
  }
  plan->scratch = NULL;
  plan->origin = CLOSS_PROGRAM_NONE;
  plan->prepared = false;
}
