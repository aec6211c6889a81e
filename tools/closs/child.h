/* Child processes, without a shell. */
#ifndef PROGRAM_CHILD_H
#define PROGRAM_CHILD_H

#include <sys/types.h>

/* Starts command[0], as it is found on PATH, with these descriptors as its standard streams. Returns 0 or an errno. */
int child_start(pid_t *process, char *const command[], int input, int output, int complaints);

/* Waits for its end; its status, as waitpid() gives it. */
int child_wait(pid_t process);

#endif
