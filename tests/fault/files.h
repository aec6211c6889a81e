/*
 * The C library's file functions, counted, of which one can fail. They take the place of the originals in what is
 * linked statically (--wrap, meson.build). One thread.
 */
#ifndef TESTS_FAULT_FILES_H
#define TESTS_FAULT_FILES_H

#include <stdbool.h>

#define FAULT_FILE_FUNCTIONS(X)                                                                                        \
  X(open)                                                                                                              \
  X(openat)                                                                                                            \
  X(fopen)                                                                                                             \
  X(mkdir)                                                                                                             \
  X(mkdtemp)                                                                                                           \
  X(mkstemp)                                                                                                           \
  X(chmod)                                                                                                             \
  X(fchmod)                                                                                                            \
  X(fstat)                                                                                                             \
  X(futimens)                                                                                                          \
  X(fdopendir)                                                                                                         \
  X(readdir)                                                                                                           \
  X(mmap)                                                                                                              \
  X(read)                                                                                                              \
  X(write)                                                                                                             \
  X(fsync)                                                                                                             \
  X(close)                                                                                                             \
  X(posix_fallocate)                                                                                                   \
  X(lseek)                                                                                                             \
  X(link)                                                                                                              \
  X(rename)                                                                                                            \
  X(renameat)

enum fault_file_call {
#define FAULT_FILE(name) FAULT_##name,
  FAULT_FILE_FUNCTIONS(FAULT_FILE)
#undef FAULT_FILE
      FAULT_FILE_CALLS
};

/* "renameat". */
extern const char *const fault_file_names[FAULT_FILE_CALLS];

/* In place of an errno: half of what was to be read or written is, which is no error. */
enum { FAULT_SHORT = -1, FAULT_FILES_TRACED = 512 };

typedef struct fault_files {
  bool armed;                              /* else nothing is counted */
  unsigned total;                          /* calls */
  unsigned fail_at;                        /* the number, from 1, of the one that fails; 0: none */
  int code;                                /* with this errno, or FAULT_SHORT */
  enum fault_file_call failed;             /* which one it was; FAULT_FILE_CALLS: none did */
  unsigned char trace[FAULT_FILES_TRACED]; /* which call each was, from number 1 */
} fault_files;

extern fault_files fault_file_state;

/* Begins to count. */
void fault_files_arm(unsigned fail_at, int code);
void fault_files_disarm(void);

/* The errors that are tried with a call, the end is 0. */
const int *fault_file_codes(enum fault_file_call call);

/* Whether reading or writing goes on after it: it was interrupted, or did a part. */
bool fault_file_goes_on(enum fault_file_call call, int code);

#endif
