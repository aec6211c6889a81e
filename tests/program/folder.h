/* A folder of its own for a test: set-up and tear-down of cmocka. */
#ifndef TEST_FOLDER_H
#define TEST_FOLDER_H

/* Makes an empty one, which becomes the working directory. */
int folder_start(void **state);

/* Removes it with all that is there. */
int folder_end(void **state);

#endif
