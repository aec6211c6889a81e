#include "operand.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "literal.h"
#include "npy.h"
#include "picture.h"
#include "spool.h"

static bool out_of_memory(const struct operand *operand, struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "%s: '%.200s': out of memory", operand->what, operand->text);
}

static bool cannot_read(const struct operand *operand, struct failure *failure) {
  return failure_set(failure, STATUS_USAGE, "%s: '%s' cannot be read: %s", operand->what, operand->text,
                     strerror(errno));
}

static bool cannot_spool(const struct operand *operand, struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "%s: '%.200s': a temporary file ($TMPDIR): %s", operand->what,
                     operand->text, strerror(errno));
}

/* Maps a temporary file of a size, for the operand. */
static bool map_spool(struct operand *operand, int spool, size_t size, struct failure *failure) {
  void *map = spool < 0 ? NULL : spool_map(spool, size);
  if (map == NULL) {
    cannot_spool(operand, failure);
    if (spool >= 0) close(spool);
    return false;
  }
  operand->map = map;
  operand->map_size = size;
  operand->descriptor = spool;
  return true;
}

/* Goes on with a stream whose first bytes are in operand->memory: those and the others into a mapped temporary file. */
static bool spool_stream(struct operand *operand, int descriptor, size_t *size, struct failure *failure) {
  int spool = spool_open();
  bool good = spool >= 0;
  for (size_t got = *size; good && got != 0;) {
    good = spool_write(spool, operand->memory, got);
    ssize_t more = -1;
    while (good && (more = read(descriptor, operand->memory, *size < 65536 ? *size : 65536)) < 0 && errno == EINTR)
      continue;
    if (good && more < 0) {
      close(spool);
      return cannot_read(operand, failure);
    }
    got = more > 0 ? (size_t)more : 0;
    *size += got;
  }
  if (!good) {
    cannot_spool(operand, failure);
    if (spool >= 0) close(spool);
    return false;
  }
  free(operand->memory);
  operand->memory = NULL;
  return map_spool(operand, spool, *size, failure);
}

/* Reads a stream (stdin, a pipe) to its end, into operand->memory or operand->map. */
static bool read_stream(struct operand *operand, int descriptor, size_t *size, struct failure *failure) {
  size_t capacity = 0;
  ssize_t got = 1;
  for (*size = 0; got != 0; *size += got > 0 ? (size_t)got : 0) {
    if (operand->most > 0 && *size > operand->most) return spool_stream(operand, descriptor, size, failure);
    if (*size == capacity) {
      capacity = capacity == 0 ? 65536 : capacity * 2;
      void *memory = realloc(operand->memory, capacity);
      if (memory == NULL) return out_of_memory(operand, failure);
      operand->memory = memory;
    }
    got = read(descriptor, (char *)operand->memory + *size, capacity - *size);
    if (got < 0 && errno != EINTR) return cannot_read(operand, failure);
  }
  return true;
}

/* Private and writable: bytes may be swapped in place without touching the file. False: it can't be mapped. */
static bool map(struct operand *operand, int descriptor, size_t size) {
  void *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  if (bytes == MAP_FAILED) return false;
  operand->map = bytes;
  operand->map_size = size;
  operand->descriptor = descriptor;
  return true;
}

/* Brings a file's bytes into memory: mapped, or where that can't be, read. */
static bool load(struct operand *operand, void **bytes, size_t *size, struct failure *failure) {
  bool standard_input = strcmp(operand->text, "-") == 0;
  int descriptor = standard_input ? STDIN_FILENO : open(operand->text, O_RDONLY | O_CLOEXEC);
  struct stat status;
  if (descriptor < 0 || fstat(descriptor, &status) != 0) {
    cannot_read(operand, failure);
  } else if (!standard_input && S_ISREG(status.st_mode) && status.st_size > 0 &&
             map(operand, descriptor, (size_t)status.st_size)) {
    *bytes = operand->map;
    *size = operand->map_size;
  } else if (read_stream(operand, descriptor, size, failure)) {
    *bytes = operand->map != NULL ? operand->map : operand->memory;
  }
  if (descriptor >= 0 && !standard_input && operand->map == NULL) close(descriptor);
  return *bytes != NULL;
}

/* Puts the elements of an .npy file where the library can use them. */
static bool place(struct operand *operand, const struct npy_header *header, char *bytes, struct failure *failure) {
  bool complex_elements = header->tensor.dtype == CLOSS_C64 || header->tensor.dtype == CLOSS_C128;
  size_t size = closs_dtype_size(header->tensor.dtype);
  char *data = bytes + header->data_offset;
  operand->tensor = header->tensor;
  operand->data = data;
  if ((uintptr_t)data % (complex_elements ? size / 2 : size) != 0 && header->data_bytes > 0) {
    data = malloc(header->data_bytes);
    if (data == NULL) return out_of_memory(operand, failure);
    memcpy(data, operand->data, header->data_bytes);
    free(operand->memory);
    operand->data = operand->memory = data;
  }
  if (header->swapped) npy_swap(header->tensor.dtype, data, header->data_bytes / size);
  return true;
}

static bool read_file(struct operand *operand, struct failure *failure) {
  char name[1024];
  void *bytes = NULL;
  void *pixels = NULL;
  size_t size = 0;
  struct npy_header header;
  snprintf(name, sizeof name, "%s: '%s'", operand->what, operand->text);
  if (!load(operand, &bytes, &size, failure)) return false;
  if (npy_is(bytes, size))
    return npy_parse(name, bytes, size, &header, failure) && place(operand, &header, bytes, failure);
  if (!picture_is(bytes, size))
    return failure_set(failure, STATUS_USAGE, "%s is neither an .npy nor a .png file", name);
  if (!picture_read(name, bytes, size, &operand->tensor, &pixels, failure)) return false;
  free(operand->memory);
  operand->data = operand->memory = pixels;
  operand->picture = true;
  return true;
}

bool operand_read(struct operand *operand, const char *what, const char *text, closs_dtype literal,
                  struct operand_source *source, struct failure *failure) {
  *operand = (struct operand){.what = what, .text = text, .most = source->most};
  if (strcmp(text, "-") == 0) {
    if (source->stdin_taken)
      return failure_set(failure, STATUS_USAGE, "%s: '-' a second time; stdin is read once", what);
    source->stdin_taken = true;
  } else if (literal_is(text)) {
    if (!literal_read(what, text, literal, &operand->tensor, &operand->memory, failure)) return false;
    operand->data = operand->memory;
    return true;
  }
  return read_file(operand, failure);
}

static void unmap(struct operand *operand) {
  if (operand->map == NULL) return;
  munmap(operand->map, operand->map_size);
  close(operand->descriptor);
  operand->map = NULL;
}

bool operand_convert(struct operand *operand, closs_dtype dtype, struct failure *failure) {
  closs_error error;
  /* Elements lie without gaps in C or Fortran order, so that strides stay as they are. */
  size_t count = (size_t)closs_tensor_elements(&operand->tensor);
  if (operand->tensor.dtype == dtype) return true;
  const size_t size = count * closs_dtype_size(dtype);
  struct operand converted = *operand;
  converted.memory = converted.map = NULL;
  if (operand->most > 0 && size > operand->most) {
    if (!map_spool(&converted, spool_open(), size, failure)) return false;
  } else {
    converted.memory = malloc(size + 1);
    if (converted.memory == NULL) return out_of_memory(operand, failure);
  }
  void *data = converted.map != NULL ? converted.map : converted.memory;
  converted.data = data;
  converted.tensor.dtype = dtype;
  if (closs_convert(dtype, data, operand->tensor.dtype, operand->data, count, &error) != CLOSS_OK) {
    operand_release(&converted);
    return failure_set(failure, STATUS_USAGE, "%s: '%.200s' is %s; --dtype %s would lose its imaginary part",
                       operand->what, operand->text, closs_dtype_name(operand->tensor.dtype), closs_dtype_name(dtype));
  }
  operand_release(operand);
  *operand = converted;
  return true;
}

bool operand_check_whole(const struct operand *operand, struct failure *failure) {
  struct stat status;
  if (operand->map == NULL) return true;
  if (fstat(operand->descriptor, &status) != 0) return cannot_read(operand, failure);
  if (status.st_size >= (off_t)operand->map_size) return true;
  return failure_set(failure, STATUS_USAGE, "%s: '%.200s' was shortened while it was read", operand->what,
                     operand->text);
}

void operand_release(struct operand *operand) {
  unmap(operand);
  free(operand->memory);
  *operand = (struct operand){.what = NULL};
}
