/**
 * @file closs.h
 * All of closs: loss functions and their gradients on any vendor's OpenCL device.
 */
#ifndef CLOSS_CLOSS_H
#define CLOSS_CLOSS_H

#include "closs/bundle.h"
#include "closs/cache.h"
#include "closs/context.h"
#include "closs/dlpack.h"
#include "closs/host.h"
#include "closs/loss.h"
#include "closs/memory.h"
#include "closs/opencl.h"
#include "closs/partial.h"
#include "closs/plan.h"
#include "closs/status.h"
#include "closs/types.h"
#include "closs/version.h"

#endif
