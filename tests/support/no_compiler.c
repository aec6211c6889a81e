/* Preloaded, or beside the ICD loader: a driver without a compiler. */
#include <CL/cl.h>

cl_program CL_API_CALL clCreateProgramWithSource(cl_context context, cl_uint count, const char **texts,
                                                 const size_t *sizes, cl_int *code) {
  (void)context, (void)count, (void)texts, (void)sizes;
  if (code != NULL) *code = CL_COMPILER_NOT_AVAILABLE;
  return NULL;
}
