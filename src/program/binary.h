/* Programs from binaries, and binaries of programs. */
#ifndef CLOSS_PROGRAM_BINARY_H
#define CLOSS_PROGRAM_BINARY_H

#include "device/context.h"

/* A program built from a binary of the context's device, or from SPIR-V where its platform takes that; NULL, and a line
 * in the log and in `why`, where the driver refuses it. */
cl_program closs_binary_load(const closs_context *context, const unsigned char *binary, size_t size,
                             const char *options, closs_error *why);

/* The device's binary of a built program, released by the caller. CLOSS_UNSUPPORTED where the driver has none; NULL on
 * failure. */
closs_status closs_binary_take(const closs_context *context, cl_program program, unsigned char **binary, size_t *size,
                               closs_error *error);

#endif
