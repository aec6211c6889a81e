/* A program of a user of closs, in C and C++: the headers' version is the library's, and a loss is computed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <closs/closs.h>

int main(void) {
  const float input[2] = {1, 2}, target[2] = {1, 5};
  const uint64_t shape[1] = {2};
  float loss = 0;
  closs_error error;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  options.loss = CLOSS_HUBER;
  options.reduction = CLOSS_SUM;
  options.input = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  options.target = closs_tensor_contiguous(CLOSS_F32, 1, shape);
  arrays.input = input;
  arrays.target = target;
  arrays.loss = &loss;
  if (closs_reference(&options, &arrays, &error) != CLOSS_OK) {
    puts(error.text);
    return 1;
  }
  printf("closs %s: %g\n", closs_version(), (double)loss);
  return strcmp(closs_version(), CLOSS_VERSION) != 0 || fabsf(loss - 2.5F) > 0;
}
