#include "program/binary.h"

#include <string.h>

#include "base/allocate.h"
#include "base/error.h"

/* The first word of a SPIR-V module, in either order of bytes. */
static bool is_spirv(const unsigned char *binary, size_t size) {
  static const unsigned char magic[4] = {0x03, 0x02, 0x23, 0x07}, turned[4] = {0x07, 0x23, 0x02, 0x03};
  return size >= sizeof magic &&
         (memcmp(binary, magic, sizeof magic) == 0 || memcmp(binary, turned, sizeof turned) == 0);
}

/* cl_khr_il_program's function, where the platform has it; OpenCL 2.1 has the same under another name. */
static cl_program create_from_spirv(const closs_context *context, const unsigned char *binary, size_t size,
                                    cl_int *code) {
  typedef cl_program(CL_API_CALL * create_function)(cl_context, const void *, size_t, cl_int *);
  const closs_cl_find_function find = context->cl.GetExtensionFunctionAddressForPlatform;
  cl_platform_id platform = NULL;
  create_function create = NULL;
  *code = context->cl.GetDeviceInfo(context->device, CL_DEVICE_PLATFORM, sizeof platform, &platform, NULL);
  if (*code != CL_SUCCESS) {
    return NULL;
  }
  void *found = find != NULL ? find(platform, "clCreateProgramWithILKHR") : NULL;
  memcpy(&create, &found, sizeof found);
  if (create == NULL) {
    *code = CL_INVALID_OPERATION;
    return NULL;
  }
  return create(context->context, binary, size, code);
}

cl_program closs_binary_load(const closs_context *context, const unsigned char *binary, size_t size,
                             const char *options, closs_error *why) {
  cl_int code = CL_SUCCESS, of_device = CL_SUCCESS;
  const bool spirv = is_spirv(binary, size);
  const char *call = spirv ? "clCreateProgramWithILKHR" : "clCreateProgramWithBinary";
  cl_program program = spirv ? create_from_spirv(context, binary, size, &code)
                             : context->cl.CreateProgramWithBinary(context->context, 1, &context->device, &size,
                                                                   &binary, &of_device, &code);
  if (program != NULL && code == CL_SUCCESS) {
    call = spirv ? "clBuildProgram of SPIR-V" : "clBuildProgram of a binary";
    code = of_device != CL_SUCCESS ? of_device
                                   : context->cl.BuildProgram(program, 1, &context->device, options, NULL, NULL);
    if (code == CL_SUCCESS) {
      return program;
    }
    context->cl.ReleaseProgram(program);
  }
  (void)closs_fail_opencl(why, code, "%s: a kept program is not used: %s", context->device_name, call);
  closs_log(context, CLOSS_LOG_WARNING, "%s", why->text);
  return NULL;
}

/* The binaries of all devices that the program was made for, one after the other; NULL bytes where they are empty. */
static closs_status take_all(const closs_context *context, cl_program program, cl_uint count, size_t *sizes,
                             unsigned char **places, unsigned char **bytes, closs_error *error) {
  size_t total = 0, needed = 0;
  cl_int code = context->cl.GetProgramInfo(program, CL_PROGRAM_BINARY_SIZES, count * sizeof *sizes, sizes, &needed);
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clGetProgramInfo of the sizes of binaries");
  }
  for (cl_uint i = 0; i < count; i++) {
    total += sizes[i];
  }
  if (total == 0) {
    return CLOSS_OK;
  }
  *bytes = closs_allocate(&context->allocator, total);
  if (*bytes == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the binary of a program (%zu bytes)", total);
  }
  for (cl_uint i = 0; i < count; i++) {
    places[i] = i == 0 ? *bytes : places[i - 1] + sizes[i - 1];
  }
  code = context->cl.GetProgramInfo(program, CL_PROGRAM_BINARIES, count * sizeof *places, places, &needed);
  return code == CL_SUCCESS ? CLOSS_OK : closs_fail_opencl(error, code, "clGetProgramInfo of binaries");
}

closs_status closs_binary_take(const closs_context *context, cl_program program, unsigned char **binary, size_t *size,
                               closs_error *error) {
  enum { MOST = 64 };
  cl_device_id devices[MOST];
  unsigned char *places[MOST], *bytes = NULL;
  size_t sizes[MOST] = {0}, needed = 0;
  *binary = NULL;
  cl_int code = context->cl.GetProgramInfo(program, CL_PROGRAM_DEVICES, sizeof devices, devices, &needed);
  if (code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clGetProgramInfo of a program's devices");
  }
  cl_uint count = (cl_uint)(needed / sizeof *devices), mine = 0;
  closs_status status = take_all(context, program, count, sizes, places, &bytes, error);
  while (mine < count && devices[mine] != context->device) {
    mine++;
  }
  if (status == CLOSS_OK && bytes != NULL && mine < count && sizes[mine] > 0) {
    *size = sizes[mine];
    memmove(bytes, places[mine], *size);
    *binary = bytes;
    return CLOSS_OK;
  }
  closs_release(&context->allocator, bytes);
  return status != CLOSS_OK ? status
                            : closs_fail(error, CLOSS_UNSUPPORTED, "%s: the driver gives no binary of a program",
                                         context->device_name);
}
