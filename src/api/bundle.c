#include "closs/bundle.h"

#include <string.h>

#include "api/self_test.h"
#include "api/typical.h"
#include "base/allocate.h"
#include "base/error.h"
#include "plan/plan.h"
#include "program/binary.h"
#include "program/bundle.h"
#include "program/key.h"
#include "program/offline.h"
#include "program/source.h"

/* What is made: the programs that are wanted, and the rows that are there so far. */
typedef struct pack {
  const closs_bundle_options *options;
  closs_context *context; /* of its own, on the caller's device: every program is a general one */
  closs_program_spec *specs;
  closs_bundle_row
      *rows; /* a row a spec, and one for the class; keys and, of those compiled here, payloads are its own */
  char (*prefixes)[CLOSS_PREFIX];
  size_t spec_count, row_count;
} pack;

/* ---- which programs ---- */

#define TERMS (UINT64_C(1) << 20) /* of the plans that are looked at */

static bool wants_loss(const closs_bundle_options *options, closs_loss loss) {
  bool found = options->losses == NULL;
  for (size_t i = 0; i < options->loss_count && !found; i++) {
    found = options->losses[i] == loss;
  }
  return found;
}

/* A type wants its contiguous variant, and the strided one of its arithmetic. */
static bool wants_variant(const closs_bundle_options *options, const closs_variant_info *variant) {
  bool found = options->dtypes == NULL;
  for (size_t i = 0; i < options->dtype_count && !found; i++) {
    closs_dtype dtype = options->dtypes[i], real = closs_dtype_real(dtype);
    found = variant->contiguous ? variant->storage == dtype
                                : variant->complex_operands == (real != dtype) &&
                                      variant->arithmetic == (real == CLOSS_F64 ? CLOSS_F64 : CLOSS_F32);
  }
  return found;
}

static void add_spec(pack *p, const closs_program_spec *spec) {
  const closs_program_spec general = closs_program_general(spec);
  for (size_t i = 0; i < p->spec_count; i++) {
    if (memcmp(&p->specs[i], &general, sizeof general) == 0) {
      return;
    }
  }
  p->specs[p->spec_count++] = general;
}

static bool has_row(const pack *p, const closs_program_spec *spec) {
  const closs_program_spec general = closs_program_general(spec);
  char *key = closs_key_program(p->context, &general);
  bool found = false;
  for (size_t i = 0; key != NULL && i < p->row_count && !found; i++) {
    found = p->rows[i].key_size == strlen(key) && memcmp(p->rows[i].key, key, p->rows[i].key_size) == 0;
  }
  closs_release(&p->context->allocator, key);
  return found;
}

/* What is done with each plan. */
enum { COLLECT, PREPARE, PREPARE_BUNDLED };

static closs_status visit_plan(pack *p, closs_context *context, const closs_plan_options *options, int what,
                               closs_error *error) {
  closs_plan *plan = NULL;
  closs_status status = closs_plan_create(context, options, &plan, error);
  bool bundled = true;
  for (int i = 0; status == CLOSS_OK && i < CLOSS_MAX_PROGRAMS; i++) {
    if (plan->layout.programs[i].bodies != 0) {
      if (what == COLLECT) {
        add_spec(p, &plan->layout.programs[i]);
      } else if (what == PREPARE_BUNDLED) {
        bundled = bundled && has_row(p, &plan->layout.programs[i]);
      }
    }
  }
  if (status == CLOSS_OK && what != COLLECT && bundled) {
    status = closs_plan_prepare(plan, error);
  }
  closs_plan_destroy(plan);
  return status;
}

static closs_status visit_plans(pack *p, closs_context *context, int what, closs_error *error) {
  closs_status status = CLOSS_OK;
  for (size_t l = 0; l < closs_loss_count(); l++) {
    const closs_loss_info *loss = closs_loss_at(l);
    for (int v = 0; v < CLOSS_VARIANT_COUNT && wants_loss(p->options, loss->loss); v++) {
      const closs_variant_info *variant = closs_variant_at((closs_variant)v);
      if (!wants_variant(p->options, variant) || (variant->arithmetic == CLOSS_F64 && !context->caps.fp64)) {
        continue;
      }
      for (closs_typical which = CLOSS_TYPICAL_WHOLE; which < CLOSS_TYPICALS && status == CLOSS_OK; which++) {
        if (closs_typical_exists(loss, variant, which)) {
          const closs_plan_options options = closs_typical_options(
              loss, variant, which, TERMS, p->context->general ? CLOSS_SCHEDULE_AUTO : CLOSS_SCHEDULE_LANES);
          status = visit_plan(p, context, &options, what, error);
        }
      }
    }
  }
  return status;
}

/* The probe's programs go with those of the arithmetic. */
static void add_probes(pack *p) {
  static const closs_variant variants[] = {CLOSS_CONTIGUOUS_F32, CLOSS_CONTIGUOUS_F64};
  for (int i = 0; i < (p->context->caps.fp64 ? 2 : 1); i++) {
    const closs_program_spec spec = {.variant = variants[i], .bodies = CLOSS_BODY_PROBE, .flags = CLOSS_ANY};
    add_spec(p, &spec);
  }
}

/* ---- begin and end ---- */

static closs_status check_options(const closs_context *context, const closs_bundle_options *options,
                                  closs_error *error) {
  static const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64, CLOSS_C64, CLOSS_C128};
  if (context == NULL || options == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL", context == NULL ? "context" : "options");
  }
  if (options->size != sizeof *options) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT,
                      "options: size is %zu, expected %zu; start from CLOSS_BUNDLE_OPTIONS_INIT", options->size,
                      sizeof *options);
  }
  for (size_t i = 0; options->losses != NULL && i < options->loss_count; i++) {
    if (closs_loss_by_id(options->losses[i]) == NULL) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "losses: %d is no loss", (int)options->losses[i]);
    }
  }
  for (size_t i = 0; options->dtypes != NULL && i < options->dtype_count; i++) {
    closs_dtype dtype = options->dtypes[i];
    bool found = false;
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
      found = found || types[t] == dtype;
    }
    if (!found) {
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "dtypes: %s, expected f16, bf16, f32, f64, c64 or c128",
                        closs_dtype_name(dtype));
    }
    if (closs_dtype_real(dtype) == CLOSS_F64 && !context->caps.fp64) {
      return closs_fail(error, CLOSS_UNSUPPORTED, "dtypes: %s; the device has no double precision (fp64)",
                        closs_dtype_name(dtype));
    }
  }
  return CLOSS_OK;
}

/* A context on the same device, without caches. */
static closs_status make_context(const closs_context *from, const void *bundle, size_t size, closs_context **context,
                                 closs_error *error) {
  closs_context_options options = CLOSS_CONTEXT_OPTIONS_INIT;
  options.opencl = &from->cl;
  options.allocator = from->allocator;
  options.log = from->log;
  options.log_user = from->log_user;
  options.bundle = bundle;
  options.bundle_size = size;
  closs_status status = closs_context_create(from->context, from->device, &options, context, error);
  if (status == CLOSS_OK) {
    (*context)->caps = from->caps;
  }
  return status;
}

static closs_status begin(pack *p, closs_context *context, const closs_bundle_options *options, bool compiled,
                          closs_error *error) {
  closs_status status = make_context(context, NULL, 0, &p->context, error);
  const size_t most = closs_loss_count() * CLOSS_VARIANT_COUNT * CLOSS_MAX_PROGRAMS + 2;
  p->options = options;
  if (status != CLOSS_OK) {
    return status;
  }
  p->context->general = compiled;
  p->specs = closs_allocate(&context->allocator, most * sizeof *p->specs);
  p->rows = closs_allocate(&context->allocator, (most + 1) * sizeof *p->rows);
  p->prefixes = closs_allocate(&context->allocator, (most + 1) * sizeof *p->prefixes);
  if (p->specs == NULL || p->rows == NULL || p->prefixes == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a list of %zu programs", most);
  }
  status = visit_plans(p, p->context, COLLECT, error);
  add_probes(p);
  return status;
}

static void end(pack *p, const closs_allocator *allocator, bool compiled) {
  for (size_t i = 0; p->rows != NULL && i < p->row_count; i++) {
    closs_release(allocator, (void *)(uintptr_t)p->rows[i].key);
    if (compiled && p->rows[i].payload_size > 1) {
      closs_release(allocator, (void *)(uintptr_t)p->rows[i].payload);
    }
  }
  closs_release(allocator, p->specs);
  closs_release(allocator, p->rows);
  closs_release(allocator, p->prefixes);
  closs_context_destroy(p->context);
}

/* ---- rows ---- */

static closs_status add_row(pack *p, char *key, const char *prefix, const unsigned char *payload, size_t size,
                            unsigned flags, closs_error *error) {
  if (key == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a key");
  }
  strcpy(p->prefixes[p->row_count], prefix);
  p->rows[p->row_count] =
      (closs_bundle_row){key, strlen(key), p->prefixes[p->row_count], strlen(prefix), payload, size, flags};
  p->row_count++;
  return CLOSS_OK;
}

/* Programs that were compiled here, and have run: some drivers make machine code then. */
static closs_status add_compiled(pack *p, closs_error *error) {
  closs_status status = visit_plans(p, p->context, PREPARE, error);
  if (status == CLOSS_OK) {
    status = closs_context_probe(p->context, NULL, error);
  }
  for (size_t i = 0; i < p->spec_count && status == CLOSS_OK; i++) {
    closs_program program;
    unsigned char *binary;
    size_t size;
    status = closs_program_get(p->context, &p->specs[i], &program, error);
    if (status == CLOSS_OK) {
      status = closs_binary_take(p->context, program.handle, &binary, &size, error);
    }
    if (status == CLOSS_OK) {
      char *key = closs_key_program(p->context, &p->specs[i]);
      status = add_row(p, key, "closs_", binary, size, 0, error);
      if (status != CLOSS_OK) {
        closs_release(&p->context->allocator, binary);
      }
    }
  }
  return status;
}

/* Whether a program has all kernels of a source. */
static bool has_kernels(const closs_context *context, cl_program program, const closs_offline_source *source) {
  for (size_t i = 0; i < source->kernel_count; i++) {
    cl_int code = CL_SUCCESS;
    cl_kernel kernel = context->cl.CreateKernel(program, source->kernels[i].name, &code);
    if (kernel == NULL || code != CL_SUCCESS) {
      return false;
    }
    context->cl.ReleaseKernel(kernel);
  }
  return true;
}

/* Fails where the image has a spec's program, but of other sources: the names of its kernels tell. */
static closs_status check_fresh(const pack *p, cl_program program, const closs_program_spec *spec, closs_error *error) {
  char name[CLOSS_OFFLINE_NAME], wanted[CLOSS_PREFIX];
  size_t size = 0;
  if (p->context->cl.GetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, 0, NULL, &size) != CL_SUCCESS || size == 0) {
    return CLOSS_OK;
  }
  char *names = closs_allocate(&p->context->allocator, size + 1);
  if (names == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the names of kernels (%zu bytes)", size);
  }
  closs_status status = CLOSS_OK;
  closs_offline_name(spec, name);
  closs_offline_prefix(spec, p->context->caps.fp64, wanted);
  if (p->context->cl.GetProgramInfo(program, CL_PROGRAM_KERNEL_NAMES, size, names, NULL) == CL_SUCCESS) {
    names[size] = '\0';
    const size_t stem = strlen(name) + 1, whole = strlen(wanted);
    for (const char *at = names; *at != '\0' && status == CLOSS_OK; at += strspn(at, ";")) {
      const size_t length = strcspn(at, ";");
      if (length > whole && memcmp(at, wanted, stem) == 0 && at[whole - 1] == '_' && memcmp(at, wanted, whole) != 0) {
        status = closs_fail(error, CLOSS_INVALID_ARGUMENT,
                            "image: its kernel %.*s is of other sources; this closs's begin with %s", (int)length, at,
                            wanted);
      }
      at += length;
    }
  }
  closs_release(&p->context->allocator, names);
  return status;
}

/* The rows of one image: those of its programs that no image before had. */
static closs_status add_image(pack *p, const closs_image *image, closs_error *error) {
  closs_error why;
  cl_program program = closs_binary_load(p->context, image->bytes, image->size, "", &why);
  closs_status status = CLOSS_OK;
  size_t before = p->row_count;
  if (program == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "image: %zu bytes that the driver of %s does not take: %s (%d)",
                      image->size, p->context->device_name, closs_opencl_error_name(why.opencl), (int)why.opencl);
  }
  for (size_t i = 0; i < p->spec_count && status == CLOSS_OK; i++) {
    closs_offline offline;
    if (has_row(p, &p->specs[i])) {
      continue;
    }
    status = closs_offline_make(&p->context->allocator, &p->specs[i], p->context->caps.fp64, &offline, error);
    if (status != CLOSS_OK) {
      break;
    }
    if (has_kernels(p->context, program, &offline.source)) {
      status = add_row(
          p, closs_key_program(p->context, &p->specs[i]), offline.prefix, image->bytes, image->size,
          p->specs[i].bodies & CLOSS_BODY_PROBE ? CLOSS_BUNDLE_IMAGE : CLOSS_BUNDLE_IMAGE | CLOSS_BUNDLE_SINGLE, error);
    } else {
      status = check_fresh(p, program, &p->specs[i], error);
    }
    closs_offline_release(&p->context->allocator, &offline);
  }
  p->context->cl.ReleaseProgram(program);
  return status != CLOSS_OK || p->row_count > before
             ? status
             : closs_fail(
                   error, CLOSS_INVALID_ARGUMENT,
                   "image: it has no kernels of the programs that are wanted, such as closs_l1_contiguous_f32_...");
}

/* Every program of what the options name must have come. */
static closs_status check_named(const pack *p, closs_error *error) {
  for (size_t i = 0; i < p->spec_count; i++) {
    bool probe = (p->specs[i].bodies & CLOSS_BODY_PROBE) != 0;
    bool named = p->options->losses != NULL || p->options->dtypes != NULL;
    if (!probe && named && !has_row(p, &p->specs[i])) {
      char prefix[CLOSS_PREFIX];
      closs_offline_prefix(&p->specs[i], p->context->caps.fp64, prefix);
      return closs_fail(error, CLOSS_INVALID_ARGUMENT, "images: none has the kernels %s...", prefix);
    }
  }
  return CLOSS_OK;
}

/* The programs of images: run from a first bundle, which also finds out the device's class. */
static closs_status try_images(pack *p, closs_device_class *device_class, closs_error *error) {
  size_t size = 0;
  closs_context *context = NULL;
  void *bundle = closs_bundle_write(&p->context->allocator, p->rows, p->row_count, &size);
  if (bundle == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a bundle");
  }
  closs_status status = make_context(p->context, bundle, size, &context, error);
  if (status == CLOSS_OK) {
    context->caps.compiler = false;
    status = visit_plans(p, context, PREPARE_BUNDLED, error);
  }
  /* First, since the self-test asks for the class. Without the probe's kernels in an image it stays unknown. */
  if (status == CLOSS_OK && closs_context_probe(context, device_class, NULL) != CLOSS_OK) {
    *device_class = CLOSS_CLASS_UNKNOWN;
  }
  if (status == CLOSS_OK) {
    status = closs_self_test(context, error);
  }
  closs_context_destroy(context);
  closs_release(&p->context->allocator, bundle);
  return status;
}

static closs_status add_images(pack *p, closs_device_class *device_class, closs_error *error) {
  closs_status status = CLOSS_OK;
  for (size_t i = 0; i < p->options->image_count && status == CLOSS_OK; i++) {
    status = add_image(p, &p->options->images[i], error);
  }
  status = status == CLOSS_OK ? check_named(p, error) : status;
  return status == CLOSS_OK ? try_images(p, device_class, error) : status;
}

/* ---- the calls ---- */

closs_status closs_bundle_make(closs_context *context, const closs_bundle_options *options, void **bytes, size_t *size,
                               closs_error *error) {
  if (bytes == NULL || size == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "%s: NULL, expected where to put it",
                      bytes == NULL ? "bytes" : "size");
  }
  *bytes = NULL;
  *size = 0;
  closs_status status = check_options(context, options, error);
  if (status != CLOSS_OK) {
    return status;
  }
  const bool compiled = options->images == NULL;
  pack p = {0};
  closs_device_class device_class = CLOSS_CLASS_UNKNOWN;
  status = begin(&p, context, options, compiled, error);
  if (status == CLOSS_OK) {
    status = compiled ? add_compiled(&p, error) : add_images(&p, &device_class, error);
  }
  if (status == CLOSS_OK) {
    device_class = compiled ? closs_context_class(p.context) : device_class;
    const unsigned char payload = (unsigned char)device_class;
    if (device_class != CLOSS_CLASS_UNKNOWN) {
      status = add_row(&p, closs_key_class(p.context), "", &payload, 1, 0, error);
    }
    *bytes = status == CLOSS_OK ? closs_bundle_write(&context->allocator, p.rows, p.row_count, size) : NULL;
    if (status == CLOSS_OK && *bytes == NULL) {
      status = closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a bundle of %zu programs", p.row_count);
    }
  }
  end(&p, &context->allocator, compiled);
  return status;
}

void closs_bundle_release(closs_context *context, void *bytes) {
  if (bytes != NULL) {
    closs_release(&context->allocator, bytes);
  }
}

closs_status closs_bundle_sources(closs_context *context, const closs_bundle_options *options,
                                  void (*visit)(void *user, const closs_offline_source *source), void *user,
                                  closs_error *error) {
  closs_status status = check_options(context, options, error);
  if (status != CLOSS_OK) {
    return status;
  }
  if (visit == NULL) {
    return closs_fail(error, CLOSS_INVALID_ARGUMENT, "visit: NULL, expected a function");
  }
  pack p = {0};
  status = begin(&p, context, options, false, error);
  for (size_t i = 0; i < p.spec_count && status == CLOSS_OK; i++) {
    closs_offline offline;
    status = closs_offline_make(&context->allocator, &p.specs[i], context->caps.fp64, &offline, error);
    if (status == CLOSS_OK) {
      visit(user, &offline.source);
      closs_offline_release(&context->allocator, &offline);
    }
  }
  end(&p, &context->allocator, false);
  return status;
}
