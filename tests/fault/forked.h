/* A command of the program, or a part of it, walked in a child process once for each thing in it that can fail. */
#ifndef TESTS_FAULT_FORKED_H
#define TESTS_FAULT_FORKED_H

#include <stdbool.h>
#include <stddef.h>

#include "failure.h"

typedef struct forked_path {
  const char *name;
  bool (*work)(struct failure *failure);
  const char *before; /* shell: makes what is there */
  const char *failed; /* shell: that all is as before */
  const char *done;   /* shell: that the outputs are there */
} forked_path;

/* Which walk it is, in messages. */
extern char forked_what[256];

/* Memory that a child's walk leaves its results in. */
void *forked_memory(size_t size);

/* One walk, from what path->before makes, with stdout at /dev/null. In the child, `begin` goes before the work and
 * `end` behind it. What the work says of itself goes to `failure`, in forked_memory(). Fails the test where the process
 * ends by itself, or the work fails without a word. */
void forked_walk(const forked_path *path, struct failure *failure, void (*begin)(void), void (*end)(void));

/* Fails the test unless the shell's command succeeds. */
void forked_shell(const char *command, const struct failure *failure);

/* A command line, run as the program runs it. */
#define FORKED_COMMAND(run, failure, ...)                                                                              \
  forked_command((run), (failure), (char *[]){"closs", __VA_ARGS__},                                                   \
                 sizeof((char *[]){"closs", __VA_ARGS__}) / sizeof(char *))
struct arguments;
bool forked_command(bool (*run)(const struct arguments *, struct failure *), struct failure *failure, char **words,
                    size_t count);

/* Shell: a file of `shape`, such as "2,", as NumPy writes it, of the f32 that `content` prints. */
#define FORKED_NPY(name, shape, content)                                                                               \
  "{ printf '\\223NUMPY\\001\\000v\\000'; "                                                                            \
  "printf '%-117s\\n' \"{'descr': '<f4', 'fortran_order': False, 'shape': (" shape "), }\"; " content "; } >" name

#endif
