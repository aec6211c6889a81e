/* A line on stderr that says that work goes on, where stderr is a terminal and the work takes more than a second. */
#ifndef PROGRAM_PROGRESS_H
#define PROGRAM_PROGRESS_H

/* `what` ("computing l1") is kept. Only one line at a time. */
void progress_begin(const char *what);

/* How much of the work is done, from 0 to 1; shown once it was called. */
void progress_share(double done);

void progress_end(void);

#endif
