#include "device/probe.h"

#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "program/programs.h"

/* What travels, as cl/probe.cl states it. */
enum { OPERANDS, ELEMENTS, RESULTS, STORED, ARRAYS };

typedef struct closs_probe_data {
  size_t real;  /* bytes of the arithmetic type */
  size_t width; /* cases of one work-item */
  size_t count; /* cases, filled up to whole work-items */
  size_t size[ARRAYS];
  unsigned char *array[ARRAYS]; /* one allocation, array[0] */
} closs_probe_data;

typedef struct closs_probe_objects {
  cl_command_queue queue;
  cl_kernel kernel;
  cl_mem buffer[ARRAYS];
} closs_probe_objects;

/* A number of 2, 4 or 8 bytes, in the host's order, which is the device's. */
static void write_bits(unsigned char *place, uint64_t bits, size_t size) {
  uint32_t four = (uint32_t)bits;
  uint16_t two = (uint16_t)bits;
  memcpy(place, size == 8 ? (void *)&bits : size == 4 ? (void *)&four : (void *)&two, size);
}

static uint64_t read_bits(const unsigned char *place, size_t size) {
  uint64_t eight = 0;
  uint32_t four = 0;
  uint16_t two = 0;
  memcpy(size == 8 ? (void *)&eight : size == 4 ? (void *)&four : (void *)&two, place, size);
  return size == 8 ? eight : size == 4 ? four : two;
}

static closs_status write_operands(const closs_context *context, closs_dtype arithmetic, closs_probe_data *data,
                                   closs_error *error) {
  size_t cases = 0, total = 0;
  const closs_probe_case *list = closs_probe_cases(arithmetic, &cases);
  data->real = closs_dtype_size(arithmetic);
  data->width = 64 / data->real; /* a vector is 64 bytes */
  data->count = (cases + data->width - 1) / data->width * data->width;
  data->size[OPERANDS] = 3 * data->count * data->real;
  data->size[ELEMENTS] = data->count * 16;
  data->size[RESULTS] = (CLOSS_PROBE_LOAD + 1) * data->count * data->real;
  data->size[STORED] = data->count * 8;
  for (int i = 0; i < ARRAYS; i++)
    total += data->size[i];
  data->array[0] = closs_allocate(&context->allocator, total);
  if (!data->array[0]) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the probe", total);
  for (int i = 1; i < ARRAYS; i++)
    data->array[i] = data->array[i - 1] + data->size[i - 1];
  for (size_t i = 0; i < cases; i++) {
    const uint64_t operands[3] = {list[i].a, list[i].b, list[i].c};
    unsigned char *element = data->array[ELEMENTS] + 16 * i;
    for (size_t j = 0; j < 3; j++)
      write_bits(data->array[OPERANDS] + (j * data->count + i) * data->real, operands[j], data->real);
    size_t size = closs_dtype_size(list[i].type);
    if (size == 1)
      element[0] = (unsigned char)list[i].a;
    else if (size)
      write_bits(element, list[i].a, size);
    write_bits(element + 8, list[i].type, 4);
  }
  return CLOSS_OK;
}

static closs_status make_objects(const closs_context *context, const closs_program *program,
                                 const closs_probe_data *data, closs_probe_objects *objects, closs_error *error) {
  static const cl_mem_flags access[ARRAYS] = {CL_MEM_READ_ONLY, CL_MEM_READ_ONLY, CL_MEM_WRITE_ONLY, CL_MEM_READ_WRITE};
  cl_int code = CL_SUCCESS;
  char name[CLOSS_PREFIX + 8];
  (void)snprintf(name, sizeof name, "%sprobe", program->prefix);
  objects->queue = context->cl.CreateCommandQueue(context->context, context->device, 0, &code);
  if (code) return closs_fail_opencl(error, code, "clCreateCommandQueue for the probe");
  objects->kernel = context->cl.CreateKernel(program->handle, name, &code);
  if (code) return closs_fail_opencl(error, code, "clCreateKernel of %s", name);
  for (cl_uint i = 0; i < ARRAYS; i++) {
    objects->buffer[i] = context->cl.CreateBuffer(context->context, access[i] | CL_MEM_COPY_HOST_PTR, data->size[i],
                                                  data->array[i], &code);
    if (code) return closs_fail_opencl(error, code, "clCreateBuffer of %zu bytes for the probe", data->size[i]);
    code = context->cl.SetKernelArg(objects->kernel, i, sizeof(cl_mem), &objects->buffer[i]);
    if (code) return closs_fail_opencl(error, code, "clSetKernelArg of argument %u of %s", (unsigned)i, name);
  }
  return CLOSS_OK;
}

static void release_objects(const closs_context *context, closs_probe_objects *objects) {
  for (int i = 0; i < ARRAYS; i++)
    if (objects->buffer[i]) context->cl.ReleaseMemObject(objects->buffer[i]);
  if (objects->kernel) context->cl.ReleaseKernel(objects->kernel);
  if (objects->queue) context->cl.ReleaseCommandQueue(objects->queue);
}

static closs_status run(const closs_context *context, const closs_probe_objects *objects, closs_probe_data *data,
                        closs_error *error) {
  size_t global = data->count / data->width, local = 1;
  cl_int code =
      context->cl.EnqueueNDRangeKernel(objects->queue, objects->kernel, 1, NULL, &global, &local, 0, NULL, NULL);
  if (code) return closs_fail_opencl(error, code, "clEnqueueNDRangeKernel of closs_probe");
  for (int i = RESULTS; !code && i <= STORED; i++)
    code = context->cl.EnqueueReadBuffer(objects->queue, objects->buffer[i], CL_TRUE, 0, data->size[i], data->array[i],
                                         0, NULL, NULL);
  if (!code) return CLOSS_OK;
  (void)context->cl.Finish(objects->queue); /* before its memory goes */
  return closs_fail_opencl(error, code, "clEnqueueReadBuffer of the probe's results");
}

/* Each case looks at one of the results that its operands gave. */
static closs_status judge(const closs_context *context, closs_dtype arithmetic, const closs_probe_data *data,
                          closs_device_class *device_class, closs_error *error) {
  size_t cases = 0;
  const closs_probe_case *list = closs_probe_cases(arithmetic, &cases);
  uint64_t *results = closs_allocate(&context->allocator, cases * sizeof *results);
  if (!results)
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the probe's results", cases * sizeof *results);
  for (size_t i = 0; i < cases; i++) {
    size_t operation = (size_t)list[i].operation;
    results[i] = operation == CLOSS_PROBE_STORE
                     ? read_bits(data->array[STORED] + 8 * i, closs_dtype_size(list[i].type))
                     : read_bits(data->array[RESULTS] + (operation * data->count + i) * data->real, data->real);
  }
  *device_class = closs_probe_judge(list, cases, results);
  closs_release(&context->allocator, results);
  return CLOSS_OK;
}

closs_status closs_probe_run(closs_context *context, closs_dtype arithmetic, closs_device_class *device_class,
                             closs_error *error) {
  closs_probe_data data = {0};
  closs_probe_objects objects = {0};
  closs_program_spec spec = {.variant = arithmetic == CLOSS_F64 ? CLOSS_CONTIGUOUS_F64 : CLOSS_CONTIGUOUS_F32,
                             .bodies = CLOSS_BODY_PROBE,
                             .flags = CLOSS_ANY};
  closs_program program;
  closs_status status = closs_program_get(context, &spec, &program, error);
  if (!status) status = write_operands(context, arithmetic, &data, error);
  if (!status) status = make_objects(context, &program, &data, &objects, error);
  if (!status) status = run(context, &objects, &data, error);
  if (!status) closs_program_keep(context, &spec);
  if (!status) status = judge(context, arithmetic, &data, device_class, error);
  release_objects(context, &objects);
  closs_release(&context->allocator, data.array[0]);
  return status;
}
