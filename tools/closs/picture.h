/* Pictures in .png files. */
#ifndef PROGRAM_PICTURE_H
#define PROGRAM_PICTURE_H

#include <stddef.h>

#include "closs/types.h"
#include "failure.h"

/* Whether bytes begin as a .png file does. */
bool picture_is(const void *bytes, size_t size);

/*
 * Reads a whole file in memory: f32, height x width x channels, 8-bit values divided by 255 and 16-bit ones by 65535.
 * Grey has one channel, a palette is expanded, alpha is kept, gamma is left alone. `what` begins error texts.
 * @param[out] data  from malloc(); the caller frees it
 */
bool picture_read(const char *what, const void *bytes, size_t size, closs_tensor *tensor, void **data,
                  struct failure *failure);

/*
 * Makes a grey picture of 8 bits.
 * @param[out] png  the file's bytes, from malloc(); the caller frees them
 */
bool picture_write(const char *what, const unsigned char *grey, size_t width, size_t height, void **png, size_t *size,
                   struct failure *failure);

#endif
