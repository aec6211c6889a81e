/* The OpenCL device that is measured: that of $CLOSS_DEVICE, by the rules of the program closs, else the first. */
#ifndef BENCH_DEVICE_H
#define BENCH_DEVICE_H

#include <closs/opencl.h>

/* CL_SUCCESS, or a code; where $CLOSS_DEVICE is to blame CL_DEVICE_NOT_FOUND, and a line on stderr. */
cl_int bench_device(cl_device_id *device);

#endif
