/* Asking OpenCL what a device can do: the only place that does. */
#ifndef CLOSS_DEVICE_QUERY_H
#define CLOSS_DEVICE_QUERY_H

#include "device/context.h"

/* Fills caps and names of a context whose table, allocator and device are set. */
closs_status closs_query_device(closs_context *context, closs_error *error);

#endif
