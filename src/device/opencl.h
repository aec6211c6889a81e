/* The functions of the ICD loader that closs is linked with. */
#ifndef CLOSS_DEVICE_OPENCL_H
#define CLOSS_DEVICE_OPENCL_H

#include "closs/opencl.h"

/* Fills in the functions of later versions of OpenCL that the ICD loader has. They are looked for by name: a loader of
 * OpenCL 1.2 must do, and one with versioned symbols refuses a library that is linked with them. */
void closs_opencl_find_newer(closs_opencl *table);

#endif
