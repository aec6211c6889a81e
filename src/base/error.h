/* Filling a caller's closs_error. */
#ifndef CLOSS_BASE_ERROR_H
#define CLOSS_BASE_ERROR_H

#include "closs/status.h"

#if defined(__GNUC__)
#define CLOSS_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CLOSS_PRINTF(text, first)
#endif

/* Writes status and text where error is not NULL; returns status, so that a check is one statement. */
closs_status closs_fail(closs_error *error, closs_status status, const char *format, ...) CLOSS_PRINTF(3, 4);

/* CLOSS_OPENCL_ERROR with "what: CL_NAME (code)", e.g. what = "clCreateBuffer of 512 bytes of workspace".
 * CL_OUT_OF_HOST_MEMORY too. */
closs_status closs_fail_opencl(closs_error *error, int32_t code, const char *what, ...) CLOSS_PRINTF(3, 4);

#endif
