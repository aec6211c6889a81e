/**
 * @file status.h
 * How every call of closs reports what went wrong.
 *
 * A call returns a #closs_status; where the caller passes a #closs_error, it also gets one line that names the
 * argument, the value and what was expected. The library prints nothing and keeps no "last error".
 */
#ifndef CLOSS_STATUS_H
#define CLOSS_STATUS_H

#include <stdint.h>

#include "closs/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/** @defgroup status Errors: a status and one line
 * @{ */

/** The outcome of a call. The numbers are part of the ABI and never change. */
typedef enum closs_status {
  CLOSS_OK = 0,
  CLOSS_INVALID_ARGUMENT =
      1, /**< an argument is outside its contract: shape, stride, parameter, buffer too small, overlap */
  CLOSS_UNSUPPORTED = 2,     /**< the loss, the type or the device cannot do what was asked, however it is asked */
  CLOSS_OUT_OF_MEMORY = 3,   /**< a host allocation failed */
  CLOSS_OPENCL_ERROR = 4,    /**< an OpenCL call failed; closs_error::opencl holds its code */
  CLOSS_COMPILE_FAILED = 5,  /**< the device's compiler refused a kernel; its build log goes to the log callback */
  CLOSS_NOT_PREPARED = 6,    /**< closs_enqueue() before closs_plan_prepare() */
  CLOSS_SELF_TEST_FAILED = 7 /**< the device computed something wrong: closs_context_options::self_test */
} closs_status;

/** Length of closs_error::text, its end included. A longer line is cut. */
#define CLOSS_ERROR_TEXT 512

/** Where a call writes what failed. Owned by the caller, valid after any failed call that was given it; NULL is always
 * allowed. */
typedef struct closs_error {
  closs_status status;         /**< the same value that the call returned */
  int32_t opencl;              /**< the OpenCL error code, or 0 (CL_SUCCESS) where no OpenCL call failed */
  char text[CLOSS_ERROR_TEXT]; /**< one line without a newline, e.g. "target: dimension 2 is 5, input has 4; they must
                                  be equal or 1" */
} closs_error;

/** The name of a status, e.g. "CLOSS_INVALID_ARGUMENT"; "unknown status" for any other number. Never freed.
 * Thread-safe. */
CLOSS_API const char *closs_status_name(closs_status status);

/** The name of an OpenCL error code, e.g. "CL_OUT_OF_RESOURCES"; "unknown OpenCL error" for any other number. Never
 * freed. Thread-safe. */
CLOSS_API const char *closs_opencl_error_name(int32_t code);

/** @} */

#ifdef __cplusplus
}
#endif

#endif
