#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "device/context.h"
#include "program/binary.h"
#include "program/bundle.h"
#include "program/key.h"
#include "program/source.h"
#include "program/store.h"

typedef struct entry {
  struct entry *next;
  closs_program_spec spec;
  closs_program program; /* no handle: a thread is getting it */
  bool unkept;           /* compiled here, and not yet handed to the caches */
} entry;

/* A payload of the bundle that was loaded. Several programs may be in one image, and a device may hold but one. */
typedef struct image {
  struct image *next;
  const unsigned char *payload;
  cl_program handle;
} image;

struct closs_programs {
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* an entry was finished or taken out */
  entry *first;
  image *images;
};

closs_status closs_programs_create(closs_context *context, closs_programs **programs, closs_error *error) {
  closs_programs *made = closs_allocate(&context->allocator, sizeof *made);
  *programs = NULL;
  if (made == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the table of programs (%zu bytes)", sizeof *made);
  }
  pthread_mutex_init(&made->mutex, NULL);
  pthread_cond_init(&made->changed, NULL);
  made->first = NULL;
  *programs = made;
  return CLOSS_OK;
}

void closs_programs_destroy(closs_context *context, closs_programs *programs) {
  if (programs == NULL) {
    return;
  }
  for (entry *at = programs->first, *next; at != NULL; at = next) {
    next = at->next;
    if (at->program.origin != CLOSS_PROGRAM_BUNDLE) { /* else it is an image's */
      context->cl.ReleaseProgram(at->program.handle);
    }
    closs_release(&context->allocator, at);
  }
  for (image *at = programs->images, *next; at != NULL; at = next) {
    next = at->next;
    context->cl.ReleaseProgram(at->handle);
    closs_release(&context->allocator, at);
  }
  pthread_cond_destroy(&programs->changed);
  pthread_mutex_destroy(&programs->mutex);
  closs_release(&context->allocator, programs);
}

/* The compiler's words, to the log; without memory for them they are left out. */
static void log_build(closs_context *context, cl_program program, const char *options) {
  size_t size = 0;
  if (context->log == NULL ||
      context->cl.GetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, 0, NULL, &size) != CL_SUCCESS ||
      size == 0) {
    return;
  }
  char *text = closs_allocate(&context->allocator, size + 1);
  if (text != NULL &&
      context->cl.GetProgramBuildInfo(program, context->device, CL_PROGRAM_BUILD_LOG, size, text, NULL) == CL_SUCCESS) {
    text[size] = '\0';
    closs_log(context, CLOSS_LOG_WARNING, "build log of a kernel with %s:\n%s", options, text);
  }
  closs_release(&context->allocator, text);
}

/* What there is to say of a program that the bundle does not give. */
static void say_missing(const closs_context *context, const closs_program_spec *wanted, char *text, size_t size) {
  const closs_program_spec general = closs_program_general(wanted);
  char variant[128], why[256] = "not there";
  closs_bundle_row row;
  bool damaged = false;
  char *key = closs_key_program(context, &general);
  closs_key_variant(&general, variant, sizeof variant);
  if (key != NULL && !closs_bundle_find(context->bundle, key, &row, &damaged) && damaged) {
    strcpy(why, "damaged");
  } else if (key != NULL) {
    (void)closs_bundle_differs(context->bundle, key, why, sizeof why);
  }
  closs_release(&context->allocator, key);
  snprintf(text, size, "the bundle's program for %s is %s", variant, why);
}

/* `problem`: what kept a program that was there from being used, if anything did. */
static closs_status no_compiler(const closs_context *context, const closs_program_spec *spec,
                                const closs_error *problem, closs_error *error) {
  char text[400];
  if (problem->status != CLOSS_OK) {
    if (error != NULL) {
      *error = *problem;
    }
    return problem->status;
  }
  if (context->bundle != NULL) {
    say_missing(context, spec, text, sizeof text);
  } else {
    char variant[128];
    closs_key_variant(spec, variant, sizeof variant);
    snprintf(text, sizeof text, "no bundle with a program was given for %s", variant);
  }
  return closs_fail(error, CLOSS_COMPILE_FAILED, "%s: the device has no compiler, and %s", context->device_name, text);
}

/* What a driver says when it does not compile is the program's failure, all else OpenCL's. */
static closs_status compile_failed(cl_int code, const char *call, const char *options, closs_error *error) {
  closs_status status = closs_fail_opencl(error, code, "%s with %s", call, options);
  if (code != CL_BUILD_PROGRAM_FAILURE && code != CL_COMPILER_NOT_AVAILABLE) {
    return status;
  }
  if (error != NULL) {
    error->status = CLOSS_COMPILE_FAILED;
  }
  return CLOSS_COMPILE_FAILED;
}

static closs_status compile(closs_context *context, const closs_program_spec *spec, cl_program *program,
                            closs_error *error) {
  closs_source source;
  closs_source_make(spec, context->caps.fp64, &source);
  cl_int code = CL_SUCCESS;
  cl_program made = context->cl.CreateProgramWithSource(context->context, source.count, source.parts, NULL, &code);
  if (made == NULL || code != CL_SUCCESS) {
    return compile_failed(code, "clCreateProgramWithSource", source.options, error);
  }
  closs_log(context, CLOSS_LOG_INFO, "compiling %s for %s: %s", closs_variant_at(spec->variant)->name,
            context->device_name, source.options);
  code = context->cl.BuildProgram(made, 1, &context->device, source.options, NULL, NULL);
  if (code != CL_SUCCESS) {
    log_build(context, made, source.options);
    context->cl.ReleaseProgram(made);
    return compile_failed(code, "clBuildProgram", source.options, error);
  }
  *program = made;
  return CLOSS_OK;
}

/* ---- from bundle and caches ---- */

closs_program_spec closs_program_general(const closs_program_spec *spec) {
  closs_program_spec general = *spec;
  general.flags = CLOSS_ANY;
  if (!(spec->bodies & CLOSS_BODY_PROBE)) {
    /* columns.cl is of strided access and schedule lanes always. */
    const closs_variant_info *variant = closs_variant_at(spec->variant);
    const bool columns = !variant->contiguous && spec->group == 0;
    general.bodies = CLOSS_BODY_PASS | CLOSS_BODY_MERGE | CLOSS_BODY_EXTEND | (columns ? CLOSS_BODY_COLUMNS : 0) |
                     (variant->index_bits == 32 ? CLOSS_BODY_STAGE : 0);
  }
  return general;
}

/* The loaded program of a payload; NULL where that failed. One thread at a time. */
static cl_program load_image(closs_context *context, const closs_bundle_row *row, const char *options,
                             closs_error *problem) {
  closs_programs *programs = context->programs;
  pthread_mutex_lock(&programs->mutex);
  image *at = programs->images;
  while (at != NULL && at->payload != row->payload) {
    at = at->next;
  }
  if (at == NULL && (at = closs_allocate(&context->allocator, sizeof *at)) == NULL) {
    (void)closs_fail(problem, CLOSS_OUT_OF_MEMORY, "no memory for a program of the bundle (%zu bytes)", sizeof *at);
  } else if (at->handle == NULL) {
    at->payload = row->payload;
    at->handle = closs_binary_load(context, row->payload, row->payload_size, options, problem);
    at->next = programs->images;
    if (at->handle != NULL) {
      programs->images = at;
    } else {
      closs_release(&context->allocator, at);
      at = NULL;
    }
  }
  cl_program handle = at != NULL ? at->handle : NULL;
  pthread_mutex_unlock(&programs->mutex);
  return handle;
}

/* A program from the bundle, where that has it. */
static void take_bundled(closs_context *context, const closs_program_spec *spec, closs_program *program,
                         closs_error *problem) {
  const closs_program_spec general = closs_program_general(spec);
  closs_bundle_row row;
  bool damaged = false;
  if (context->bundle == NULL) {
    return;
  }
  char *key = closs_key_program(context, &general);
  if (key == NULL) {
    (void)closs_fail(problem, CLOSS_OUT_OF_MEMORY, "no memory for the key of a program of the bundle");
    return;
  }
  if (closs_bundle_find(context->bundle, key, &row, &damaged) && row.prefix_size < sizeof program->prefix) {
    closs_source source;
    closs_source_make(&general, context->caps.fp64, &source);
    program->handle = load_image(context, &row, row.flags & CLOSS_BUNDLE_IMAGE ? "" : source.options, problem);
    memcpy(program->prefix, row.prefix, row.prefix_size);
    program->prefix[row.prefix_size] = '\0';
    program->single = (row.flags & CLOSS_BUNDLE_SINGLE) != 0;
    program->origin = CLOSS_PROGRAM_BUNDLE;
  }
  if (program->handle == NULL && problem->status == CLOSS_OK && context->log != NULL) {
    char text[400];
    say_missing(context, spec, text, sizeof text);
    closs_log(context, CLOSS_LOG_WARNING, "%s", text);
  }
  closs_release(&context->allocator, key);
}

/* A program from the caches; NULL: none, or none that the driver takes. */
static cl_program take_kept(closs_context *context, const closs_program_spec *spec) {
  closs_error problem; /* is in the log */
  closs_kept kept;
  cl_program program = NULL;
  char *key = closs_store_exists(context) ? closs_key_program(context, spec) : NULL;
  if (key != NULL && closs_store_get(context, key, &kept)) {
    closs_source source;
    closs_source_make(spec, context->caps.fp64, &source);
    program = closs_binary_load(context, kept.payload, kept.size, source.options, &problem);
    closs_release(&context->allocator, kept.bytes);
  }
  closs_release(&context->allocator, key);
  return program;
}

static closs_status make(closs_context *context, const closs_program_spec *spec, closs_program *program,
                         closs_error *error) {
  closs_error problem = {CLOSS_OK, CL_SUCCESS, ""};
  take_bundled(context, spec, program, &problem);
  if (program->handle != NULL) {
    return CLOSS_OK;
  }
  *program = (closs_program){.prefix = "closs_", .origin = CLOSS_PROGRAM_CACHED};
  program->handle = take_kept(context, spec);
  if (program->handle != NULL) {
    return CLOSS_OK;
  }
  if (!context->caps.compiler) {
    return no_compiler(context, spec, &problem, error);
  }
  program->origin = CLOSS_PROGRAM_COMPILED;
  return compile(context, spec, &program->handle, error);
}

static void take_out(closs_programs *programs, const entry *gone) {
  entry **link = &programs->first;
  while (*link != gone) {
    link = &(*link)->next;
  }
  *link = gone->next;
}

/* The entry of a spec, waited for while another thread compiles it; NULL where there is none. With the mutex held. */
static entry *find(closs_programs *programs, const closs_program_spec *spec) {
  entry *at = programs->first;
  while (at != NULL) {
    if (memcmp(&at->spec, spec, sizeof *spec) != 0) {
      at = at->next;
    } else if (at->program.handle != NULL) {
      return at;
    } else {
      pthread_cond_wait(&programs->changed, &programs->mutex);
      at = programs->first; /* a failed one is gone: then this thread tries for itself */
    }
  }
  return NULL;
}

/* Gets the program of a new entry, without the mutex, and finishes the entry or takes it out. */
static closs_status fill(closs_context *context, entry *fresh, closs_program *program, closs_error *error) {
  closs_programs *programs = context->programs;
  closs_status status = make(context, &fresh->spec, program, error);
  pthread_mutex_lock(&programs->mutex);
  fresh->program = *program;
  fresh->unkept = program->origin == CLOSS_PROGRAM_COMPILED;
  if (status != CLOSS_OK) {
    take_out(programs, fresh);
    closs_release(&context->allocator, fresh);
    memset(program, 0, sizeof *program);
  }
  pthread_cond_broadcast(&programs->changed);
  pthread_mutex_unlock(&programs->mutex);
  return status;
}

closs_status closs_program_get(closs_context *context, const closs_program_spec *wanted, closs_program *program,
                               closs_error *error) {
  closs_programs *programs = context->programs;
  const closs_program_spec spec = context->general ? closs_program_general(wanted) : *wanted;
  memset(program, 0, sizeof *program);
  pthread_mutex_lock(&programs->mutex);
  entry *found = find(programs, &spec);
  if (found != NULL) {
    *program = found->program;
    program->origin =
        program->origin == CLOSS_PROGRAM_COMPILED ? CLOSS_PROGRAM_CACHED : program->origin; /* from memory */
    pthread_mutex_unlock(&programs->mutex);
    return CLOSS_OK;
  }
  found = closs_allocate(&context->allocator, sizeof *found);
  if (found == NULL) {
    pthread_mutex_unlock(&programs->mutex);
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a program's entry (%zu bytes)", sizeof *found);
  }
  found->spec = spec;
  found->next = programs->first;
  programs->first = found;
  pthread_mutex_unlock(&programs->mutex);
  return fill(context, found, program, error);
}

void closs_program_keep(closs_context *context, const closs_program_spec *spec) {
  closs_programs *programs = context->programs;
  cl_program program = NULL;
  size_t size = 0;
  if (!closs_store_exists(context)) {
    return;
  }
  pthread_mutex_lock(&programs->mutex);
  for (entry *at = programs->first; at != NULL; at = at->next) {
    if (memcmp(&at->spec, spec, sizeof *spec) == 0 && at->unkept) {
      program = at->program.handle;
      at->unkept = false;
    }
  }
  pthread_mutex_unlock(&programs->mutex);
  char *key = program != NULL ? closs_key_program(context, spec) : NULL;
  unsigned char *binary = NULL;
  if (key != NULL && closs_binary_take(context, program, &binary, &size, NULL) == CLOSS_OK) {
    closs_store_put(context, key, binary, size);
  }
  closs_release(&context->allocator, binary);
  closs_release(&context->allocator, key);
}
