/*
 * Runs a target without libFuzzer: on files, on all files of folders, then on mutations of them.
 *
 *   fuzz_NAME [--runs N] [--seed S] PATH ...      N mutations, each a function of S and its number alone
 *   fuzz_NAME --seed S --write K FILE PATH ...    writes mutation K to FILE instead, to look at it or to keep it
 */
#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

enum { MOST_FILES = 512, MOST_BYTES = 1 << 16 };

static struct {
  uint8_t *bytes;
  size_t size;
} files[MOST_FILES];
static size_t file_count;

/* What runs now, for the handler of signals. */
static char running[4200];

static uint64_t next(uint64_t *stream) { /* SplitMix64 */
  uint64_t z = *stream += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* A number below `end`. */
static size_t below(uint64_t *stream, size_t end) {
  return end > 0 ? (size_t)(next(stream) % end) : 0;
}

/* ---- files ---- */

static void add_file(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || file_count == MOST_FILES) {
    fprintf(stderr, "%s: %s\n", path, file == NULL ? "cannot be opened" : "too many files");
    exit(2);
  }
  uint8_t *bytes = fuzz_allocate(MOST_BYTES);
  files[file_count].size = fread(bytes, 1, MOST_BYTES, file);
  files[file_count++].bytes = bytes;
  snprintf(running, sizeof running, "%s", path);
  fclose(file);
}

static int not_hidden(const struct dirent *entry) {
  return entry->d_name[0] != '.';
}

static void run_last(void) {
  LLVMFuzzerTestOneInput(files[file_count - 1].bytes, files[file_count - 1].size);
}

/* Adds a file, or the files of a folder by their names, and runs each unless only mutations are looked at. */
static void add_path(const char *path, bool run) {
  struct dirent **names;
  int count = scandir(path, &names, not_hidden, alphasort);
  if (count < 0) {
    add_file(path);
    if (run) run_last();
    return;
  }
  for (int i = 0; i < count; i++) {
    char name[4096];
    snprintf(name, sizeof name, "%s/%s", path, names[i]->d_name);
    add_file(name);
    if (run) run_last();
    free(names[i]);
  }
  free(names);
}

/* ---- mutations ---- */

/* Numbers that readers get wrong, in either byte order. */
static void put_number(uint8_t *at, size_t bytes, uint64_t *stream) {
  static const uint64_t borders[] = {
      0,         1,      2,          7,          0x7f,       0x80,        0xff,      0x7fff,
      0x8000,    0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, INT64_MAX, (uint64_t)INT64_MAX + 1,
      UINT64_MAX};
  uint64_t value = borders[below(stream, sizeof borders / sizeof borders[0])] + below(stream, 3) - 1;
  const bool swapped = next(stream) & 1;
  for (size_t i = 0; i < bytes; i++)
    at[swapped ? bytes - 1 - i : i] = (uint8_t)(value >> (8 * i));
}

/* Makes room for, or takes away, bytes at a place. */
static size_t resize(uint8_t *bytes, size_t size, size_t at, size_t removed, size_t added) {
  if (removed > size - at) removed = size - at;
  if (size - removed + added > MOST_BYTES) return size;
  memmove(bytes + at + added, bytes + at + removed, size - at - removed);
  memset(bytes + at, 0, added);
  return size - removed + added;
}

/* A piece of some file over what is there, or in between. */
static size_t splice(uint8_t *bytes, size_t size, size_t at, uint64_t *stream) {
  const size_t from = below(stream, file_count), length = files[from].size, begin = below(stream, length);
  size_t count = 1 + below(stream, next(stream) & 1 ? 16 : length);
  if (length == 0) return size;
  if (count > length - begin) count = length - begin;
  if (next(stream) & 1) {
    const size_t grown = resize(bytes, size, at, 0, count);
    if (grown == size) return size;
    size = grown;
  }
  if (count > size - at) count = size - at;
  memcpy(bytes + at, files[from].bytes + begin, count);
  return size;
}

static size_t mutate_once(uint8_t *bytes, size_t size, uint64_t *stream) {
  static const char letters[] = "0123456789-+.,:()[]{}'\"eExXinfa =\n";
  const size_t at = below(stream, size), kind = below(stream, 8), width = (size_t)1 << below(stream, 4);
  switch (size > 0 ? kind : 5) {
  case 0:
    bytes[at] ^= (uint8_t)(1 << below(stream, 8));
    return size;
  case 1:
    bytes[at] = (uint8_t)next(stream);
    return size;
  case 2:
    bytes[at] = (uint8_t)letters[below(stream, sizeof letters - 1)];
    return size;
  case 3:
    if (width <= size - at) put_number(bytes + at, width, stream);
    return size;
  case 4:
    return resize(bytes, size, at, 1 + below(stream, 16), 0);
  case 5:
    return resize(bytes, size, at, 0, 1 + below(stream, 16));
  case 6:
    return next(stream) % 16 == 0 ? at : size; /* cut off */
  default:
    return splice(bytes, size, at, stream);
  }
}

static size_t mutate(uint8_t bytes[MOST_BYTES], uint64_t seed, uint64_t number) {
  uint64_t stream = seed;
  stream = next(&stream) + number;
  const size_t from = below(&stream, file_count);
  size_t size = files[from].size;
  memcpy(bytes, files[from].bytes, size);
  for (size_t left = 1 + below(&stream, 6); left > 0; left--)
    size = mutate_once(bytes, size, &stream);
  return size;
}

/* ---- the program ---- */

static void on_signal(int number) {
  static const char text[] = "failed on: ";
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0 || write(STDERR_FILENO, running, strlen(running)) < 0 ||
      write(STDERR_FILENO, "\n", 1) < 0)
    _exit(1);
  signal(number, SIG_DFL);
  raise(number);
}

static int write_mutation(const char *path, uint64_t seed, uint64_t number) {
  static uint8_t bytes[MOST_BYTES];
  const size_t size = mutate(bytes, seed, number);
  FILE *file = fopen(path, "wb");
  bool good = file != NULL && fwrite(bytes, 1, size, file) == size;
  if (file != NULL && fclose(file) != 0) good = false;
  if (!good) fprintf(stderr, "%s: cannot be written\n", path);
  return good ? 0 : 2;
}

int main(int argc, char **argv) {
  uint64_t runs = 0, seed = 1, wanted = 0;
  const char *output = NULL;
  int at = 1;
  for (; at < argc && argv[at][0] == '-'; at += 2) {
    if (at + 1 < argc && strcmp(argv[at], "--runs") == 0) {
      runs = strtoull(argv[at + 1], NULL, 10);
    } else if (at + 1 < argc && strcmp(argv[at], "--seed") == 0) {
      seed = strtoull(argv[at + 1], NULL, 10);
    } else if (at + 2 < argc && strcmp(argv[at], "--write") == 0) {
      wanted = strtoull(argv[at + 1], NULL, 10);
      output = argv[++at + 1];
    } else {
      break;
    }
  }
  if (at >= argc || argv[at][0] == '-') {
    fprintf(stderr, "usage: %s [--runs N] [--seed S] [--write K FILE] PATH ...\n", argv[0]);
    return 2;
  }
  signal(SIGABRT, on_signal);
  signal(SIGSEGV, on_signal);
  signal(SIGFPE, on_signal);
  for (; at < argc; at++)
    add_path(argv[at], output == NULL);
  if (file_count == 0) {
    fprintf(stderr, "no files\n");
    return 2;
  }
  if (output != NULL) return write_mutation(output, seed, wanted);
  for (uint64_t number = 0; number < runs; number++) {
    static uint8_t bytes[MOST_BYTES];
    snprintf(running, sizeof running, "mutation %llu of seed %llu", (unsigned long long)number,
             (unsigned long long)seed);
    LLVMFuzzerTestOneInput(bytes, mutate(bytes, seed, number));
  }
  printf("%zu files, %llu mutations of seed %llu\n", file_count, (unsigned long long)runs, (unsigned long long)seed);
  for (size_t i = 0; i < file_count; i++)
    free(files[i].bytes);
  return 0;
}
