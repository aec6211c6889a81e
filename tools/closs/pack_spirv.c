#include "pack_spirv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "spool.h"

/* CL_DEVICE_IL_VERSION of OpenCL 2.1 and CL_DEVICE_IL_VERSION_KHR of cl_khr_il_program. */
enum { IL_VERSION = 0x105b };

/* Versions of LLVM that a tool's name may end with, as Debian's do. */
enum { OLDEST = 14, NEWEST = 40 };

enum { MOST_WORDS = 20, NAME_BYTES = 4096 };

/* A compiler that reads its standard input and writes its standard output: no file that it makes has a name, so that
 * nothing is left behind, however this program or the compiler ends. */
struct tool {
  const char *variable; /* names another program */
  const char *name;
  char *words[MOST_WORDS]; /* of its command line, but for the first */
};

/* -O0 would keep functions apart, and clang's passes make integers that SPIR-V has not. */
static const struct tool clang = {"CLOSS_CLANG",
                                  "clang",
                                  {NULL, "-c", "-emit-llvm", "-target", "spir64", "-x", "cl", "-cl-std=CL1.2", "-O2",
                                   "-Xclang", "-disable-llvm-passes", "-Xclang", "-finclude-default-header",
                                   "-fno-caret-diagnostics", "-o", "-", "-"}};
static const struct tool llvm_spirv = {
    "CLOSS_LLVM_SPIRV", "llvm-spirv", {NULL, "--spirv-max-version=1.0", "-o", "-", "-"}};

bool pack_spirv_taken(const struct open_device *device, struct failure *failure) {
  char versions[1024] = ""; /* "SPIR-V_1.0 SPIR-V_1.1" */
  /* Before OpenCL 2.1 no device knows the question. */
  cl_int code = clGetDeviceInfo(device->id, IL_VERSION, sizeof versions, versions, NULL);
  if (code == CL_SUCCESS && strstr(versions, "SPIR-V_1.0") != NULL) return true;
  if (code != CL_SUCCESS && code != CL_INVALID_VALUE) return failure_set_opencl(failure, "clGetDeviceInfo", code);
  return failure_set(failure, STATUS_USAGE,
                     "--spirv: %s, %s takes no SPIR-V: its CL_DEVICE_IL_VERSION is '%s', expected one with SPIR-V_1.0",
                     device->platform, device->name, versions);
}

/* Starts the program that the environment names, or else the oldest on PATH: llvm-spirv may not know what a clang that
 * is newer than itself writes. `name` is what was tried last. */
static int start(const struct tool *tool, char name[NAME_BYTES], pid_t *process, int input, int output,
                 int complaints) {
  const char *given = getenv(tool->variable);
  char *words[MOST_WORDS];
  memcpy(words, tool->words, sizeof words);
  words[0] = name;
  if (given != NULL && given[0] != 0) {
    snprintf(name, NAME_BYTES, "%s", given);
    return child_start(process, words, input, output, complaints);
  }
  for (int version = OLDEST; version <= NEWEST; version++) {
    snprintf(name, NAME_BYTES, "%s-%d", tool->name, version);
    const int code = child_start(process, words, input, output, complaints);
    if (code != ENOENT) return code;
  }
  snprintf(name, NAME_BYTES, "%s", tool->name);
  return child_start(process, words, input, output, complaints);
}

static bool cannot_run(const struct tool *tool, const char *name, int code, struct failure *failure) {
  const char *given = getenv(tool->variable);
  if (given != NULL && given[0] != 0)
    return failure_set(failure, STATUS_FAILED, "$%s: '%s' cannot be run: %s (Debian: clang-14 llvm-spirv-14)",
                       tool->variable, given, strerror(code));
  if (code == ENOENT)
    return failure_set(failure, STATUS_FAILED,
                       "--spirv: %s makes the modules, and is not installed (Debian: clang-14 llvm-spirv-14)",
                       tool->name);
  return failure_set(failure, STATUS_FAILED, "--spirv: %s cannot be run: %s", name, strerror(code));
}

/* What it said on stderr, in one line. */
static bool refuse(const char *name, const char *source, int status, char *said, struct failure *failure) {
  char lines[3072] = "", *next = NULL;
  size_t used = 0;
  for (char *at = said == NULL ? NULL : strtok_r(said, "\n", &next); at != NULL && used < sizeof lines;
       at = strtok_r(NULL, "\n", &next))
    used += (size_t)snprintf(lines + used, sizeof lines - used, "%s %s", used == 0 ? ":" : ";", at);
  const bool killed = WIFSIGNALED(status);
  return failure_set(failure, STATUS_FAILED, "--spirv: %s of '%s': %s %d%s", name, source,
                     killed ? "killed by signal" : "exit status", killed ? WTERMSIG(status) : WEXITSTATUS(status),
                     lines);
}

static bool no_file(const char *source, struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "--spirv: a temporary file for '%s': %s", source, strerror(errno));
}

/* Gives a tool what is in `input`; returns a file with what it makes, or -1. */
static int run_tool(const struct tool *tool, const char *source, int input, struct failure *failure) {
  char name[NAME_BYTES];
  int output = spool_open(), complaints = -1;
  pid_t process;
  bool good = output >= 0;
  if (good) {
    complaints = spool_open();
    good = complaints >= 0 && lseek(input, 0, SEEK_SET) == 0;
  }
  if (!good) no_file(source, failure);
  if (good) {
    const int code = start(tool, name, &process, input, output, complaints);
    good = code == 0 || cannot_run(tool, name, code, failure);
  }
  if (good) {
    const int status = child_wait(process);
    size_t size = 0;
    good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    char *said = good ? NULL : spool_read(complaints, &size);
    if (!good) refuse(name, source, status, said, failure);
    free(said);
  }
  if (complaints >= 0) close(complaints);
  if (good) return output;
  if (output >= 0) close(output);
  return -1;
}

/* A file with the text, or -1. */
static int put_text(const closs_offline_source *source, struct failure *failure) {
  const int file = spool_open();
  if (file >= 0 && spool_write(file, source->text, source->text_size)) return file;
  no_file(source->name, failure);
  if (file >= 0) close(file);
  return -1;
}

bool pack_spirv_module(const closs_offline_source *source, closs_image *image, struct failure *failure) {
  static const unsigned char magic[] = {0x03, 0x02, 0x23, 0x07}; /* written by any host as its targets read it */
  const int text = put_text(source, failure);
  const int bitcode = text < 0 ? -1 : run_tool(&clang, source->name, text, failure);
  const int module = bitcode < 0 ? -1 : run_tool(&llvm_spirv, source->name, bitcode, failure);
  *image = (closs_image){NULL, 0};
  if (module >= 0) {
    image->bytes = spool_read(module, &image->size);
    if (image->bytes == NULL)
      no_file(source->name, failure);
    else if (image->size < sizeof magic || memcmp(image->bytes, magic, sizeof magic) != 0)
      failure_set(failure, STATUS_FAILED, "--spirv: llvm-spirv of '%s': %zu bytes that are no SPIR-V module",
                  source->name, image->size);
  }
  if (module >= 0) close(module);
  if (bitcode >= 0) close(bitcode);
  if (text >= 0) close(text);
  return failure->status == 0;
}

/* ---- all of them ---- */

struct making {
  closs_image *images;
  size_t count;
  struct failure *failure;
};

static void make_module(void *user, const closs_offline_source *source) {
  struct making *making = user;
  if (making->failure->status != 0) return;
  closs_image *images = realloc(making->images, (making->count + 1) * sizeof *images);
  if (images == NULL) {
    failure_set(making->failure, STATUS_FAILED, "--spirv: out of memory for '%s'", source->name);
    return;
  }
  making->images = images;
  pack_spirv_module(source, &images[making->count++], making->failure);
}

bool pack_spirv(const struct open_device *device, const closs_bundle_options *options, closs_image **images,
                size_t *image_count, struct failure *failure) {
  struct making making = {.failure = failure};
  closs_error error;
  if (closs_bundle_sources(device->context, options, make_module, &making, &error) != CLOSS_OK)
    failure_set_closs(failure, &error);
  *images = making.images;
  *image_count = making.count;
  return failure->status == 0;
}
