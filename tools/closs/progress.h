/* A line on stderr that says that work goes on, where stderr is a terminal and the work takes more than a second. */
#ifndef PROGRAM_PROGRESS_H
#define PROGRAM_PROGRESS_H

/* `what` ("computing l1") is kept. Only one line at a time. */
void progress_begin(const char *what);
/* What there is to add to it; from the thread that began. */
void progress_update(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_end(void);

#endif
