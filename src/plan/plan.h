/* A plan as the steps see it: the pure layout, and what prepare made of it. */
#ifndef CLOSS_PLAN_STRUCT_H
#define CLOSS_PLAN_STRUCT_H

#include "device/context.h"
#include "plan/layout.h"

/* No kernel takes more arguments. */
#define CLOSS_MAX_ARGUMENTS 48

/* A kernel object of one step, and the arguments that it holds: only those that change are set again. */
typedef struct closs_kernel {
  cl_kernel handle;
  bool single; /* one work-item does all of a launch */
  struct {
    unsigned char size; /* 0: not set yet */
    unsigned char bytes[8];
  } arguments[CLOSS_MAX_ARGUMENTS];
} closs_kernel;

struct closs_plan {
  closs_context *context;
  closs_request request;
  closs_layout layout;
  bool prepared;
  closs_program_origin origin;
  closs_kernel kernels[CLOSS_MAX_STEPS]; /* one a step */
  cl_mem layouts[CLOSS_LAYOUTS];         /* layout arrays on the device, NULL where no kernel reads one */
  cl_mem scratch;                        /* stands where a launch has no buffer: never a NULL argument */
};

#endif
