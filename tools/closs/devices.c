#include "devices.h"

#include <stdlib.h>
#include <string.h>

#include "contains.h"
#include "file.h"

/* The loader's answer where no platform is installed (cl_khr_icd). */
#define NO_PLATFORM (-1001)

/* A text of a device (or, with no device, of a platform) without spaces around it, from malloc(). */
static char *read_text(cl_platform_id platform, cl_device_id device, cl_uint what, struct failure *failure) {
  size_t size = 0;
  const char *call = device == NULL ? "clGetPlatformInfo" : "clGetDeviceInfo";
  cl_int code = device == NULL ? clGetPlatformInfo(platform, what, 0, NULL, &size)
                               : clGetDeviceInfo(device, what, 0, NULL, &size);
  char *text = code == CL_SUCCESS ? calloc(size + 1, 1) : NULL;
  if (text != NULL)
    code = device == NULL ? clGetPlatformInfo(platform, what, size, text, NULL)
                          : clGetDeviceInfo(device, what, size, text, NULL);
  if (code != CL_SUCCESS || text == NULL) {
    free(text);
    if (code != CL_SUCCESS) failure_set_opencl(failure, call, code);
    failure_set(failure, STATUS_FAILED, "%s: out of memory", call);
    return NULL;
  }
  size_t start = strspn(text, " "), length = strlen(text);
  while (length > start && text[length - 1] == ' ')
    length--;
  memmove(text, text + start, length - start);
  text[length - start] = 0;
  return text;
}

static bool add_devices(struct device_list *list, cl_platform_id platform, struct failure *failure) {
  cl_device_id ids[64];
  cl_uint count = 0;
  cl_int code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 64, ids, &count);
  if (code == CL_DEVICE_NOT_FOUND) return true;
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clGetDeviceIDs", code);
  if (count > 64) count = 64;
  struct device *devices = realloc(list->devices, (list->count + count) * sizeof *devices);
  if (devices == NULL) return failure_set(failure, STATUS_FAILED, "clGetDeviceIDs: out of memory");
  list->devices = devices;
  for (cl_uint i = 0; i < count; i++) {
    struct device *device = &list->devices[list->count++];
    *device = (struct device){platform, ids[i], NULL, NULL};
    device->platform_name = read_text(platform, NULL, CL_PLATFORM_NAME, failure);
    device->name = read_text(platform, ids[i], CL_DEVICE_NAME, failure);
    if (device->platform_name == NULL || device->name == NULL) return false;
  }
  return true;
}

bool device_list_read(struct device_list *list, struct failure *failure) {
  cl_platform_id platforms[64];
  cl_uint count = 0;
  *list = (struct device_list){NULL, 0, 0};
  cl_int code = clGetPlatformIDs(64, platforms, &count);
  if (code == NO_PLATFORM) return true;
  if (code != CL_SUCCESS) return failure_set_opencl(failure, "clGetPlatformIDs", code);
  list->platforms = count > 64 ? 64 : count;
  for (size_t i = 0; i < list->platforms; i++)
    if (!add_devices(list, platforms[i], failure)) return false;
  return true;
}

void device_list_release(struct device_list *list) {
  for (size_t i = 0; i < list->count; i++) {
    free(list->devices[i].platform_name);
    free(list->devices[i].name);
  }
  free(list->devices);
}

/* ---- the choice of one ---- */

static bool refuse(const struct device_list *list, const char *what, const char *text, size_t fitting,
                   struct failure *failure) {
  char names[2048] = "";
  size_t used = 0;
  for (size_t i = 0; i < list->count && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%zu: %s, %s", i > 0 ? "; " : "", i,
                             list->devices[i].platform_name, list->devices[i].name);
  return failure_set(failure, STATUS_USAGE, "%s: '%s' fits %s of the devices (%s)", what, text,
                     fitting == 0 ? "none" : "several", names);
}

bool device_find(const struct device_list *list, const char *what, const char *text, size_t *index,
                 struct failure *failure) {
  size_t fitting = 0;
  if (text[0] != 0 && text[strspn(text, "0123456789")] == 0) {
    unsigned long long number = strtoull(text, NULL, 10);
    *index = (size_t)number;
    if (number < list->count) return true;
  }
  for (size_t i = 0; i < list->count; i++) {
    if (!contains(list->devices[i].platform_name, text) && !contains(list->devices[i].name, text)) continue;
    *index = i;
    fitting++;
  }
  return fitting == 1 || refuse(list, what, text, fitting, failure);
}

bool cache_folder(char path[CACHE_PATH], struct failure *failure) {
  closs_error error;
  return closs_cache_default_directory(path, CACHE_PATH, &error) == CLOSS_OK || failure_set_closs(failure, &error);
}

static void log_line(void *user, closs_log_level level, const char *line) {
  (void)user;
  fprintf(stderr, "closs: %s%s\n", level == CLOSS_LOG_WARNING ? "warning: " : "", line);
}

bool device_ask(cl_device_id id, cl_device_info what, size_t size, void *to, struct failure *failure) {
  cl_int code = clGetDeviceInfo(id, what, size, to, NULL);
  return code == CL_SUCCESS || failure_set_opencl(failure, "clGetDeviceInfo", code);
}

bool device_has_fp64(cl_device_id id) {
  cl_device_fp_config fp64 = 0;
  /* A device of OpenCL 1.1 without fp64 does not know this question. */
  clGetDeviceInfo(id, CL_DEVICE_DOUBLE_FP_CONFIG, sizeof fp64, &fp64, NULL);
  return fp64 != 0;
}

static bool read_facts(struct open_device *open, struct failure *failure) {
  cl_bool shared = CL_FALSE;
  open->fp64 = device_has_fp64(open->id);
  bool good =
      device_ask(open->id, CL_DEVICE_HOST_UNIFIED_MEMORY, sizeof shared, &shared, failure) &&
      device_ask(open->id, CL_DEVICE_GLOBAL_MEM_SIZE, sizeof open->global_memory, &open->global_memory, failure) &&
      device_ask(open->id, CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof open->max_allocation, &open->max_allocation, failure);
  open->shares_memory = shared != CL_FALSE;
  return good;
}

bool device_open(const struct device *device, bool verbose, struct open_device *open, struct failure *failure) {
  cl_int code = CL_SUCCESS;
  closs_error error;
  *open = (struct open_device){.id = device->id};
  const cl_context_properties properties[] = {CL_CONTEXT_PLATFORM, (cl_context_properties)device->platform, 0};
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  char cache[CACHE_PATH];
  const char *bundle = getenv("CLOSS_BUNDLE");
  if (bundle != NULL && bundle[0] == 0) bundle = NULL;
  struct failure no_cache = {0, ""}; /* as any other folder that can't be used */
  if (!cache_folder(cache, &no_cache)) {
    if (verbose) fprintf(stderr, "closs: warning: no disk cache: %s\n", no_cache.text);
  } else if (cache[0] != 0) {
    context_options.cache_directory = cache;
  }
  if (verbose) context_options.log = log_line;
  open->name = strdup(device->name);
  open->platform = strdup(device->platform_name);
  if (open->name == NULL || open->platform == NULL)
    return failure_set(failure, STATUS_FAILED, "%s: out of memory", device->name);
  if (!read_facts(open, failure)) return false;
  open->opencl = clCreateContext(properties, 1, &device->id, NULL, NULL, &code);
  if (open->opencl == NULL) return failure_set_opencl(failure, "clCreateContext", code);
  if (bundle != NULL) {
    open->bundle = file_read("$CLOSS_BUNDLE", bundle, &context_options.bundle_size, failure);
    if (open->bundle == NULL) return false;
    context_options.bundle = open->bundle;
  }
  if (closs_context_create(open->opencl, device->id, &context_options, &open->context, &error) == CLOSS_OK) return true;
  if (bundle != NULL && strncmp(error.text, "bundle: ", 8) == 0)
    return failure_set(failure, STATUS_USAGE, "$CLOSS_BUNDLE: '%s': %s", bundle, error.text + 8);
  return failure_set_closs(failure, &error);
}

bool device_open_chosen(const struct arguments *arguments, struct open_device *open, struct failure *failure) {
  const char *what = "--device", *text = arguments_value(arguments, "device");
  struct device_list list;
  size_t index = 0;
  *open = (struct open_device){.name = NULL};
  if (text == NULL) {
    what = "$CLOSS_DEVICE";
    text = getenv("CLOSS_DEVICE");
    if (text != NULL && text[0] == 0) text = NULL;
  }
  bool good = device_list_read(&list, failure);
  if (good && list.count == 0)
    good = failure_set(failure, STATUS_FAILED,
                       "no OpenCL device: %zu platforms, none with a device; install an OpenCL "
                       "driver, e.g. Debian's pocl-opencl-icd",
                       list.platforms);
  good = good && (text == NULL || device_find(&list, what, text, &index, failure)) &&
         device_open(&list.devices[index], arguments->verbose, open, failure);
  device_list_release(&list);
  return good;
}

void device_close(struct open_device *open) {
  closs_context_destroy(open->context);
  if (open->opencl != NULL) clReleaseContext(open->opencl);
  free(open->name);
  free(open->platform);
  free(open->bundle);
}

const char *device_class_name(closs_device_class device_class) {
  switch (device_class) {
  case CLOSS_CLASS_EXACT:
    return "exact";
  case CLOSS_CLASS_NORMAL:
    return "normal";
  case CLOSS_CLASS_OTHER:
    return "other";
  case CLOSS_CLASS_UNKNOWN:
    break;
  }
  return NULL;
}
