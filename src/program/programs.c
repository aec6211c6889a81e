#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "device/context.h"
#include "program/binary.h"
#include "program/key.h"
#include "program/source.h"
#include "program/store.h"

typedef struct entry {
  struct entry *next;
  closs_program_spec spec;
  cl_program program; /* NULL: a thread is compiling it */
  bool unkept;        /* compiled here, and not yet handed to the caches */
} entry;

struct closs_programs {
  pthread_mutex_t mutex;
  pthread_cond_t changed; /* an entry was finished or taken out */
  entry *first;
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
    context->cl.ReleaseProgram(at->program);
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

static closs_status compile(closs_context *context, const closs_program_spec *spec, cl_program *program,
                            closs_error *error) {
  if (!context->caps.compiler) {
    return closs_fail(error, CLOSS_COMPILE_FAILED, "%s: the device has no compiler, and its program is needed",
                      context->device_name);
  }
  closs_source source;
  closs_source_make(spec, context->caps.fp64, &source);
  cl_int code = CL_SUCCESS;
  cl_program made = context->cl.CreateProgramWithSource(context->context, source.count, source.parts, NULL, &code);
  if (made == NULL || code != CL_SUCCESS) {
    return closs_fail_opencl(error, code, "clCreateProgramWithSource");
  }
  closs_log(context, CLOSS_LOG_INFO, "compiling %s for %s: %s", closs_variant_at(spec->variant)->name,
            context->device_name, source.options);
  code = context->cl.BuildProgram(made, 1, &context->device, source.options, NULL, NULL);
  if (code != CL_SUCCESS) {
    log_build(context, made, source.options);
    context->cl.ReleaseProgram(made);
    closs_status status = closs_fail_opencl(error, code, "clBuildProgram with %s", source.options);
    if (code != CL_BUILD_PROGRAM_FAILURE && code != CL_COMPILER_NOT_AVAILABLE) {
      return status;
    }
    if (error != NULL) {
      error->status = CLOSS_COMPILE_FAILED;
    }
    return CLOSS_COMPILE_FAILED;
  }
  *program = made;
  return CLOSS_OK;
}

/* A program from the caches; NULL: none, or none that the driver takes. */
static cl_program take_kept(closs_context *context, const closs_program_spec *spec) {
  closs_kept kept;
  cl_program program = NULL;
  char *key = closs_store_exists(context) ? closs_key_program(context, spec) : NULL;
  if (key != NULL && closs_store_get(context, key, &kept)) {
    closs_source source;
    closs_source_make(spec, context->caps.fp64, &source);
    program = closs_binary_load(context, kept.payload, kept.size, source.options);
    closs_release(&context->allocator, kept.bytes);
  }
  closs_release(&context->allocator, key);
  return program;
}

static closs_status make(closs_context *context, const closs_program_spec *spec, cl_program *program,
                         closs_program_origin *origin, closs_error *error) {
  *program = take_kept(context, spec);
  *origin = *program != NULL ? CLOSS_PROGRAM_CACHED : CLOSS_PROGRAM_COMPILED;
  return *program != NULL ? CLOSS_OK : compile(context, spec, program, error);
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
    } else if (at->program != NULL) {
      return at;
    } else {
      pthread_cond_wait(&programs->changed, &programs->mutex);
      at = programs->first; /* a failed one is gone: then this thread tries for itself */
    }
  }
  return NULL;
}

closs_status closs_program_get(closs_context *context, const closs_program_spec *spec, cl_program *program,
                               closs_program_origin *origin, closs_error *error) {
  closs_programs *programs = context->programs;
  *program = NULL;
  pthread_mutex_lock(&programs->mutex);
  entry *found = find(programs, spec);
  if (found == NULL) {
    found = closs_allocate(&context->allocator, sizeof *found);
    if (found == NULL) {
      pthread_mutex_unlock(&programs->mutex);
      return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a program's entry (%zu bytes)", sizeof *found);
    }
    found->spec = *spec;
    found->program = NULL;
    found->next = programs->first;
    programs->first = found;
    pthread_mutex_unlock(&programs->mutex);

    cl_program made = NULL;
    closs_status status = make(context, spec, &made, origin, error);

    pthread_mutex_lock(&programs->mutex);
    found->program = made;
    found->unkept = *origin == CLOSS_PROGRAM_COMPILED;
    if (status != CLOSS_OK) {
      take_out(programs, found);
      closs_release(&context->allocator, found);
    }
    pthread_cond_broadcast(&programs->changed);
    pthread_mutex_unlock(&programs->mutex);
    *program = made;
    return status;
  }
  *program = found->program;
  *origin = CLOSS_PROGRAM_CACHED;
  pthread_mutex_unlock(&programs->mutex);
  return CLOSS_OK;
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
      program = at->program;
      at->unkept = false;
    }
  }
  pthread_mutex_unlock(&programs->mutex);
  char *key = program != NULL ? closs_key_program(context, spec) : NULL;
  unsigned char *binary = key != NULL ? closs_binary_take(context, program, &size) : NULL;
  if (binary != NULL) {
    closs_store_put(context, key, binary, size);
  }
  closs_release(&context->allocator, binary);
  closs_release(&context->allocator, key);
}
