/* What a signal leaves behind: no temporary file, one line on stderr, and an exit status. */
#ifndef PROGRAM_SIGNALS_H
#define PROGRAM_SIGNALS_H

#include <stdbool.h>

/*
 * From here on an interruption removes the watched files and ends the program with status 130; so does a mapped input
 * that is cut short while it is read, with status 2. A closed pipe becomes an error of the write.
 */
void signals_install(bool json);

/* Makes a temporary file (as mkstemp() does) that a signal removes. Returns its descriptor, or -1 with errno. */
int signals_make_temporary(char *path);

/*
 * The same for a folder (as mkdtemp() does), and for a file in it, which is named before it is made. A signal removes
 * what was made last first.
 */
bool signals_make_folder(char *path);
bool signals_watch(char *path);

/* As many files and folders may be watched at once. */
enum { SIGNALS_MOST = 256 };

/* The file or folder is no longer there to remove. */
void signals_forget(const char *path);

/* The work is done and its files are about to be put in place: from here on no signal interrupts. */
void signals_finish(void);

#endif
