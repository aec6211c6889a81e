#include "device/query.h"

#include <string.h>

#include "base/allocate.h"
#include "base/error.h"

/* One question to the device, of any fixed size. */
static closs_status ask(const closs_context *context, cl_device_info info, const char *name, void *value, size_t size,
                        closs_error *error) {
  cl_int code = context->cl.GetDeviceInfo(context->device, info, size, value, NULL);
  return code ? closs_fail_opencl(error, code, "clGetDeviceInfo of %s", name) : CLOSS_OK;
}

/* A text of the device, which the caller releases. */
static closs_status ask_text(const closs_context *context, cl_device_info info, const char *name, char **text,
                             closs_error *error) {
  size_t size = 0;
  cl_int code = context->cl.GetDeviceInfo(context->device, info, 0, NULL, &size);
  if (code) return closs_fail_opencl(error, code, "clGetDeviceInfo of %s", name);
  *text = closs_allocate(&context->allocator, size + 1);
  if (!*text) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for %s", size + 1, name);
  closs_status status = size ? ask(context, info, name, *text, size, error) : CLOSS_OK;
  if (status) {
    closs_release(&context->allocator, *text);
    *text = NULL;
  }
  return status;
}

/* Whether a list of words separated by spaces holds a word. */
static bool has_word(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; (at = strstr(at, word)); at += length)
    if ((at == list || at[-1] == ' ') && (at[length] == ' ' || !at[length])) return true;
  return false;
}

static void copy_name(char *name, size_t size, const char *text) {
  size_t length = strlen(text);
  length = length < size ? length : size - 1;
  memcpy(name, text, length);
  name[length] = '\0';
}

/* A text of the device, cut to what fits. */
static closs_status ask_name(const closs_context *context, cl_device_info info, const char *name, char *to, size_t size,
                             closs_error *error) {
  char *text = NULL;
  closs_status status = ask_text(context, info, name, &text, error);
  if (!status) copy_name(to, size, text);
  closs_release(&context->allocator, text);
  return status;
}

static closs_status ask_names(closs_context *context, closs_error *error) {
  char *text = NULL;
  size_t size = 0;
  cl_platform_id platform = NULL;
  closs_status status =
      ask_name(context, CL_DEVICE_NAME, "CL_DEVICE_NAME", context->device_name, sizeof context->device_name, error);
  if (!status)
    status = ask_name(context, CL_DEVICE_VENDOR, "CL_DEVICE_VENDOR", context->vendor_name, sizeof context->vendor_name,
                      error);
  if (status) return status;
  status = ask(context, CL_DEVICE_PLATFORM, "CL_DEVICE_PLATFORM", &platform, sizeof platform, error);
  if (status) return status;
  cl_int code = context->cl.GetPlatformInfo(platform, CL_PLATFORM_NAME, 0, NULL, &size);
  if (!code) {
    text = closs_allocate(&context->allocator, size + 1);
    if (!text) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the platform's name", size + 1);
    code = context->cl.GetPlatformInfo(platform, CL_PLATFORM_NAME, size, text, NULL);
  }
  if (code)
    status = closs_fail_opencl(error, code, "clGetPlatformInfo of CL_PLATFORM_NAME");
  else
    copy_name(context->platform_name, sizeof context->platform_name, text);
  closs_release(&context->allocator, text);
  return status;
}

/* The optional integers and floating types: by the profile and the extensions. */
static closs_status ask_types(closs_context *context, closs_error *error) {
  char *profile = NULL, *extensions = NULL;
  cl_device_fp_config config = 0;
  closs_status status = ask_text(context, CL_DEVICE_PROFILE, "CL_DEVICE_PROFILE", &profile, error);
  if (!status) status = ask_text(context, CL_DEVICE_EXTENSIONS, "CL_DEVICE_EXTENSIONS", &extensions, error);
  if (!status) {
    /* Before OpenCL 1.2 the question was the extension's, so an error is the answer "no". */
    if (context->cl.GetDeviceInfo(context->device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof config, &config, NULL))
      config = 0;
    context->caps.int64 = !strcmp(profile, "FULL_PROFILE") || has_word(extensions, "cles_khr_int64");
    context->caps.fp64 = context->caps.int64 && (config || has_word(extensions, "cl_khr_fp64"));
  }
  closs_release(&context->allocator, profile);
  closs_release(&context->allocator, extensions);
  return status;
}

static closs_device_type device_type(cl_device_type type) {
  if (type & CL_DEVICE_TYPE_GPU) return CLOSS_DEVICE_GPU;
  if (type & CL_DEVICE_TYPE_ACCELERATOR) return CLOSS_DEVICE_ACCELERATOR;
  return type & CL_DEVICE_TYPE_CPU ? CLOSS_DEVICE_CPU : CLOSS_DEVICE_OTHER;
}

static closs_status ask_numbers(closs_context *context, closs_error *error) {
  cl_device_type type = 0;
  cl_bool available = CL_FALSE, compiler = CL_FALSE, unified = CL_FALSE, little = CL_FALSE;
  cl_uint bits = 0, units = 0, alignment = 0;
  cl_ulong local = 0, global = 0, allocation = 0, cache = 0;
  size_t group = 0, arguments = 0;
#define QUESTION(info, value)                                                                                          \
  { info, #info, &(value), sizeof(value) }
  const struct {
    cl_device_info info;
    const char *name;
    void *value;
    size_t size;
  } questions[] = {
      QUESTION(CL_DEVICE_TYPE, type),
      QUESTION(CL_DEVICE_AVAILABLE, available),
      QUESTION(CL_DEVICE_COMPILER_AVAILABLE, compiler),
      QUESTION(CL_DEVICE_HOST_UNIFIED_MEMORY, unified),
      QUESTION(CL_DEVICE_ENDIAN_LITTLE, little),
      QUESTION(CL_DEVICE_ADDRESS_BITS, bits),
      QUESTION(CL_DEVICE_MAX_COMPUTE_UNITS, units),
      QUESTION(CL_DEVICE_MEM_BASE_ADDR_ALIGN, alignment),
      QUESTION(CL_DEVICE_MAX_WORK_GROUP_SIZE, group),
      QUESTION(CL_DEVICE_LOCAL_MEM_SIZE, local),
      QUESTION(CL_DEVICE_GLOBAL_MEM_SIZE, global),
      QUESTION(CL_DEVICE_MAX_MEM_ALLOC_SIZE, allocation),
      QUESTION(CL_DEVICE_MAX_PARAMETER_SIZE, arguments),
      QUESTION(CL_DEVICE_GLOBAL_MEM_CACHE_SIZE, cache),
  };
#undef QUESTION
  for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
    closs_status status =
        ask(context, questions[i].info, questions[i].name, questions[i].value, questions[i].size, error);
    if (status) return status;
  }
  if (!available) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "device: %s is not available", context->device_name);
  closs_caps *caps = &context->caps;
  caps->type = device_type(type);
  caps->vendor = context->vendor_name;
  caps->platform = context->platform_name;
  caps->compiler = compiler;
  caps->unified_memory = unified;
  caps->little_endian = little;
  caps->address_bits = bits;
  caps->compute_units = units;
  caps->alignment = alignment / 8; /* told in bits */
  caps->max_work_group = group;
  caps->local_memory = local;
  caps->global_memory = global;
  caps->max_allocation = allocation;
  caps->max_arguments = arguments;
  caps->cache = cache;
  return CLOSS_OK;
}

closs_status closs_query_device(closs_context *context, closs_error *error) {
  closs_status status = ask_names(context, error);
  if (!status) status = ask_types(context, error);
  return status ? status : ask_numbers(context, error);
}
