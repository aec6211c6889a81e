#include "closs/opencl.h"

/* The table names functions that a later OpenCL deprecates; closs needs 1.2's. */
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#endif
static const closs_opencl loader = {sizeof(closs_opencl),
#define LOADER_FUNCTION(name) cl##name,
                                    CLOSS_OPENCL_FUNCTIONS(LOADER_FUNCTION)
#undef LOADER_FUNCTION
};
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

const closs_opencl *closs_opencl_loader(void) {
  return &loader;
}
