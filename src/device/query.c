#include "device/query.h"

#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/error.h"

#define DEVICE_SVM_CAPABILITIES 0x1053 /* CL_DEVICE_SVM_CAPABILITIES, of OpenCL 2.0's header */

/* One question to the device, of any fixed size. */
static closs_status ask(const closs_context *context, cl_device_info info, const char *name, void *value, size_t size,
                        closs_error *error) {
  cl_int code = context->cl.GetDeviceInfo(context->device, info, size, value, NULL);
  return code ? closs_fail_opencl(error, code, "clGetDeviceInfo of %s", name) : CLOSS_OK;
}

/* A text of the device or, where `platform` is not NULL, of the platform; the caller releases it. */
static closs_status ask_text(const closs_context *context, cl_platform_id platform, cl_uint info, const char *name,
                             char **text, closs_error *error) {
  const closs_opencl *cl = &context->cl;
  const char *call = platform ? "clGetPlatformInfo" : "clGetDeviceInfo";
  size_t size = 0;
  cl_int code = platform ? cl->GetPlatformInfo(platform, info, 0, NULL, &size)
                         : cl->GetDeviceInfo(context->device, info, 0, NULL, &size);
  if (code) return closs_fail_opencl(error, code, "%s of %s", call, name);
  *text = closs_allocate(&context->allocator, size + 1);
  if (!*text) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for %s", size + 1, name);
  if (size) {
    code = platform ? cl->GetPlatformInfo(platform, info, size, *text, NULL)
                    : cl->GetDeviceInfo(context->device, info, size, *text, NULL);
  }
  if (!code) return CLOSS_OK;
  closs_release(&context->allocator, *text);
  *text = NULL;
  return closs_fail_opencl(error, code, "%s of %s", call, name);
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

/* All that a kept program depends on beside closs: a line each. */
static closs_status join_identity(closs_context *context, char *const *texts, size_t count, const char *const *names,
                                  closs_error *error) {
  size_t length = 64;
  for (size_t i = 0; i < count; i++)
    length += strlen(names[i]) + strlen(texts[i]) + 2;
  context->identity = closs_allocate(&context->allocator, length);
  if (!context->identity) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the device's names", length);
  char *at = context->identity;
  for (size_t i = 0; i < count; i++) {
    for (char *c = texts[i]; *c; c++) /* a line stays one */
      *c = *c == '\n' ? ' ' : *c;
    at += sprintf(at, "%s %s\n", names[i], texts[i]);
  }
  sprintf(at, "host pointer bits %zu\n", 8 * sizeof(void *));
  return CLOSS_OK;
}

static closs_status ask_names(closs_context *context, cl_platform_id *platform, closs_error *error) {
#define TEXT(of_platform, info, line)                                                                                  \
  { of_platform, info, #info, line }
  static const struct {
    bool of_platform;
    cl_uint info;
    const char *name, *line;
  } questions[] = {
      TEXT(true, CL_PLATFORM_NAME, "platform"),         TEXT(false, CL_DEVICE_NAME, "device"),
      TEXT(false, CL_DEVICE_VENDOR, "vendor"),          TEXT(true, CL_PLATFORM_VERSION, "platform version"),
      TEXT(false, CL_DEVICE_VERSION, "device version"), TEXT(false, CL_DRIVER_VERSION, "driver version"),
  };
#undef TEXT
  enum { QUESTIONS = sizeof questions / sizeof questions[0] };
  char *texts[QUESTIONS] = {NULL};
  const char *lines[QUESTIONS];
  closs_status status = ask(context, CL_DEVICE_PLATFORM, "CL_DEVICE_PLATFORM", platform, sizeof *platform, error);
  for (size_t i = 0; i < QUESTIONS && !status; i++) {
    lines[i] = questions[i].line;
    status = ask_text(context, questions[i].of_platform ? *platform : NULL, questions[i].info, questions[i].name,
                      &texts[i], error);
  }
  if (!status) {
    copy_name(context->platform_name, sizeof context->platform_name, texts[0]);
    copy_name(context->device_name, sizeof context->device_name, texts[1]);
    copy_name(context->vendor_name, sizeof context->vendor_name, texts[2]);
    status = join_identity(context, texts, QUESTIONS, lines, error);
  }
  for (size_t i = 0; i < QUESTIONS; i++)
    closs_release(&context->allocator, texts[i]);
  return status;
}

/* Memory by address: what the device has, and the functions for it. An error is the answer "no": OpenCL 1.2 has no such
 * question. */
static void ask_pointers(closs_context *context, cl_platform_id platform, const char *extensions) {
  closs_opencl *cl = &context->cl;
  cl_bitfield svm = 0;
  if (cl->SetKernelArgSVMPointer && cl->EnqueueSVMMemFill &&
      cl->GetDeviceInfo(context->device, DEVICE_SVM_CAPABILITIES, sizeof svm, &svm, NULL) == CL_SUCCESS)
    context->caps.svm = svm != 0;
  if (!has_word(extensions, "cl_intel_unified_shared_memory")) return;
  const closs_cl_find_function find = cl->GetExtensionFunctionAddressForPlatform;
  void *set = find && !cl->SetKernelArgMemPointerINTEL ? find(platform, "clSetKernelArgMemPointerINTEL") : NULL;
  void *fill = find && !cl->EnqueueMemFillINTEL ? find(platform, "clEnqueueMemFillINTEL") : NULL;
  if (set) memcpy(&cl->SetKernelArgMemPointerINTEL, &set, sizeof set);
  if (fill) memcpy(&cl->EnqueueMemFillINTEL, &fill, sizeof fill);
  context->caps.usm = cl->SetKernelArgMemPointerINTEL && cl->EnqueueMemFillINTEL;
}

/* The optional integers, floating types and kinds of memory: by the profile and the extensions. */
static closs_status ask_options(closs_context *context, cl_platform_id platform, closs_error *error) {
  char *profile = NULL, *extensions = NULL;
  cl_device_fp_config config = 0;
  closs_status status = ask_text(context, NULL, CL_DEVICE_PROFILE, "CL_DEVICE_PROFILE", &profile, error);
  if (!status) status = ask_text(context, NULL, CL_DEVICE_EXTENSIONS, "CL_DEVICE_EXTENSIONS", &extensions, error);
  if (!status) {
    /* Before OpenCL 1.2 the question was the extension's, so an error is the answer "no". */
    if (context->cl.GetDeviceInfo(context->device, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof config, &config, NULL))
      config = 0;
    context->caps.int64 = !strcmp(profile, "FULL_PROFILE") || has_word(extensions, "cles_khr_int64");
    context->caps.fp64 = context->caps.int64 && (config || has_word(extensions, "cl_khr_fp64"));
    ask_pointers(context, platform, extensions);
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
  cl_platform_id platform = NULL;
  closs_status status = ask_names(context, &platform, error);
  if (!status) status = ask_options(context, platform, error);
  return status ? status : ask_numbers(context, error);
}
