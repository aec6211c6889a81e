#include "closs/context.h"

#include <string.h>

#include "api/self_test.h"
#include "base/allocate.h"
#include "base/error.h"
#include "device/context.h"
#include "device/opencl.h"
#include "device/probe.h"
#include "device/query.h"
#include "program/bundle.h"
#include "program/disk.h"
#include "program/key.h"
#include "program/programs.h"
#include "program/store.h"

/* Bytes of a table that has every function that is not optional. */
#define NEEDED_OPENCL offsetof(closs_opencl, GetExtensionFunctionAddressForPlatform)

static closs_status check_table(const closs_opencl *table, closs_error *error) {
  /* A newer program's table is longer, and begins with all that is called here; an older one's ends before what is
   * optional. */
  if (table->size < NEEDED_OPENCL)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "opencl: size of the table is %zu, expected at least %zu",
                      table->size, NEEDED_OPENCL);
#define CHECK_FUNCTION(name)                                                                                           \
  if (!table->name)                                                                                                    \
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "opencl: the table's %s is NULL, expected cl%s()", #name, #name);
  CLOSS_OPENCL_FUNCTIONS(CHECK_FUNCTION)
#undef CHECK_FUNCTION
  return CLOSS_OK;
}

static closs_status check_arguments(cl_context opencl_context, cl_device_id device,
                                    const closs_context_options *options, closs_error *error) {
  if (options->size != sizeof *options)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "options: size is %zu, expected %zu; start from CLOSS_CONTEXT_OPTIONS_INIT", options->size,
                      sizeof *options);
  if (!options->allocator.allocate != !options->allocator.release)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "allocator: %s is NULL; expected both functions or neither",
                      options->allocator.allocate ? "release" : "allocate");
  if (!options->cache.get != !options->cache.set)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "cache: %s is NULL; expected both functions or neither",
                      options->cache.get ? "set" : "get");
  if (!opencl_context || !device)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL, expected an OpenCL %s",
                      opencl_context ? "device" : "opencl_context", opencl_context ? "device" : "context");
  if (options->bundle_size && !options->bundle)
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "bundle: NULL, but its size is %zu", options->bundle_size);
  if (options->bundle) {
    closs_status status = closs_bundle_check(options->bundle, options->bundle_size, error);
    if (status) return status;
  }
  return check_table(options->opencl, error);
}

/* The device must be one of the OpenCL context's. */
static closs_status check_device(const closs_context *context, cl_context opencl_context, cl_device_id device,
                                 closs_error *error) {
  size_t bytes = 0;
  cl_int code = context->cl.GetContextInfo(opencl_context, CL_CONTEXT_DEVICES, 0, NULL, &bytes);
  if (code) return closs_fail_opencl(error, code, "clGetContextInfo of CL_CONTEXT_DEVICES");
  cl_device_id *devices = closs_allocate(&context->allocator, bytes + 1);
  if (!devices) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for the context's devices", bytes + 1);
  code = context->cl.GetContextInfo(opencl_context, CL_CONTEXT_DEVICES, bytes, devices, NULL);
  bool found = false;
  for (size_t i = 0; !code && i < bytes / sizeof *devices; i++)
    found = found || devices[i] == device;
  closs_release(&context->allocator, devices);
  if (code) return closs_fail_opencl(error, code, "clGetContextInfo of CL_CONTEXT_DEVICES");
  return found ? CLOSS_OK
               : closs_fail(error, CLOSS_INVALID_ARGUMENT, "device: not one of the OpenCL context's devices");
}

/* From here on closs_context_destroy() releases them. */
static closs_status retain(closs_context *context, cl_context opencl_context, cl_device_id device, closs_error *error) {
  cl_int code = context->cl.RetainContext(opencl_context);
  if (code) return closs_fail_opencl(error, code, "clRetainContext");
  context->context = opencl_context;
  code = context->cl.RetainDevice(device);
  if (code) return closs_fail_opencl(error, code, "clRetainDevice");
  context->device = device;
  return CLOSS_OK;
}

closs_status closs_context_create(cl_context opencl_context, cl_device_id device, const closs_context_options *given,
                                  closs_context **context, closs_error *error) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  if (!context) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "context: NULL, expected where to write it");
  *context = NULL;
  if (given) options = *given;
  if (!options.opencl) options.opencl = closs_opencl_loader();
  closs_status status = check_arguments(opencl_context, device, &options, error);
  if (status) return status;
  closs_context *made = closs_allocate(&options.allocator, sizeof *made);
  if (!made) return closs_fail(error, CLOSS_OUT_OF_MEMORY, "%zu bytes for a context", sizeof *made);
  made->allocator = options.allocator;
  if (pthread_mutex_init(&made->mutex, NULL)) {
    closs_release(&options.allocator, made);
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no mutex for a context");
  }
  memcpy(&made->cl, options.opencl, options.opencl->size < sizeof made->cl ? options.opencl->size : sizeof made->cl);
  if (options.opencl == closs_opencl_loader()) closs_opencl_find_newer(&made->cl);
  made->log = options.log;
  made->log_user = options.log_user;
  made->cache = options.cache;
  made->bundle = options.bundle;
  status = check_device(made, opencl_context, device, error);
  if (!status) status = retain(made, opencl_context, device, error);
  if (!status) status = closs_query_device(made, error);
  if (!status) status = closs_programs_create(made, &made->programs, error);
  if (!status && options.cache_directory)
    status = closs_disk_open(made, options.cache_directory,
                             options.cache_limit ? options.cache_limit : CLOSS_CACHE_LIMIT, &made->disk, error);
  if (!status && options.self_test) status = closs_self_test(made, error);
  if (status)
    closs_context_destroy(made);
  else
    *context = made;
  return status;
}

void closs_context_destroy(closs_context *context) {
  if (!context) return;
  if (context->programs) closs_programs_destroy(context, context->programs);
  closs_disk_close(context, context->disk);
  closs_release(&context->allocator, context->identity);
  if (context->device) context->cl.ReleaseDevice(context->device);
  if (context->context) context->cl.ReleaseContext(context->context);
  pthread_mutex_destroy(&context->mutex);
  closs_allocator allocator = context->allocator;
  closs_release(&allocator, context);
}

static bool take_class(closs_context *context, const unsigned char *payload, size_t size) {
  if (size != 1 || payload[0] < CLOSS_CLASS_EXACT || payload[0] > CLOSS_CLASS_OTHER) return false;
  context->device_class = (closs_device_class)payload[0];
  return true;
}

/* What the bundle and the caches know of the class; with the mutex held. */
static void recall_class(closs_context *context) {
  closs_kept kept;
  closs_bundle_row row;
  bool damaged = false;
  if (context->device_class || (!context->bundle && !closs_store_exists(context))) return;
  char *key = closs_key_class(context);
  if (!key) return;
  bool known =
      closs_bundle_find(context->bundle, key, &row, &damaged) && take_class(context, row.payload, row.payload_size);
  if (!known && closs_store_get(context, key, &kept)) {
    (void)take_class(context, kept.payload, kept.size);
    closs_release(&context->allocator, kept.bytes);
  }
  closs_release(&context->allocator, key);
}

static void keep_class(const closs_context *context) {
  const unsigned char payload = (unsigned char)context->device_class;
  char *key = closs_store_exists(context) ? closs_key_class(context) : NULL;
  if (key) closs_store_put(context, key, &payload, 1);
  closs_release(&context->allocator, key);
}

closs_device_class closs_context_class(const closs_context *given) {
  closs_context *context = (closs_context *)given; /* a context is never a const object */
  pthread_mutex_lock(&context->mutex);
  recall_class(context);
  closs_device_class device_class = context->device_class;
  pthread_mutex_unlock(&context->mutex);
  return device_class;
}

closs_status closs_context_probe(closs_context *context, closs_device_class *device_class, closs_error *error) {
  closs_status status = CLOSS_OK;
  closs_device_class found = CLOSS_CLASS_UNKNOWN, wide = CLOSS_CLASS_UNKNOWN;
  if (!context) return closs_fail(error, CLOSS_INVALID_ARGUMENT, "context: NULL, expected a context");
  pthread_mutex_lock(&context->mutex);
  recall_class(context);
  if (!context->device_class) {
    status = closs_probe_run(context, CLOSS_F32, &found, error);
    if (!status && context->caps.fp64) status = closs_probe_run(context, CLOSS_F64, &wide, error);
    if (!status) { /* the classes grow worse with their number */
      context->device_class = wide > found ? wide : found;
      keep_class(context);
    }
  }
  if (device_class) *device_class = context->device_class;
  pthread_mutex_unlock(&context->mutex);
  return status;
}
