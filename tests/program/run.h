/* Runs the program as a script would, in a folder of the test's own. */
#ifndef TEST_PROGRAM_RUN_H
#define TEST_PROGRAM_RUN_H

#include "program.h"

/* Where the program is; for run_start(). */
extern const char *run_program;

/* An empty folder to work in; for cmocka's set-up and tear-down. */
int run_start(void **state);
int run_end(void **state);

/*
 * Runs shell commands, in which `closs` is the program and $DATA the folder of pictures; returns the exit status.
 * What they printed is in the files out and err, and below. Standard input is empty.
 */
int run(const char *commands);
extern char run_out[1 << 16], run_err[1 << 16];

/* Runs, and compares the status and all of stdout. */
void assert_run(const char *commands, int status, const char *out);

/* Runs, and expects the status, nothing on stdout, and on stderr one line of "closs: " that holds the text. */
void assert_error(const char *commands, int status, const char *text);

/* Runs with --json, and expects status 0 and one line of JSON that holds the text. */
void assert_json(const char *commands, const char *text);

/* The files in the folder but for out and err, separated by spaces, hidden ones too. */
void assert_files(const char *names);

/* Writes an .npy file of version 1. */
void put_npy(const char *path, const char *descr, const char *order, const char *shape, const void *data, size_t size);

/* Expects an .npy file with NumPy's header and these elements. */
void assert_npy(const char *path, const char *descr, const char *shape, const void *data, size_t size);

#endif
