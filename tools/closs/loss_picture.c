/* closs loss --png: where two pictures differ. */
#include <stdlib.h>

#include "loss_call.h"
#include "number.h"
#include "picture.h"

/* The mean over the channels of each pixel, and the largest of them that is no NaN. */
static double average(const struct result *loss, double *means, size_t pixels, size_t channels) {
  size_t size = closs_dtype_size(loss->tensor.dtype);
  const char *at = loss->data;
  double largest = 0;
  for (size_t i = 0; i < pixels; i++) {
    double sum = 0;
    for (size_t c = 0; c < channels; c++, at += size)
      sum += number_value(loss->tensor.dtype, at);
    means[i] = sum / (double)channels;
    if (means[i] > largest) largest = means[i];
  }
  return largest;
}

/* 0 is black, the largest white, NaN white; below 0 (weights may be) black. */
static unsigned char grey_of(double mean, double largest) {
  if (mean != mean) return 255;
  if (mean <= 0) return 0;
  return mean == largest ? 255 : (unsigned char)(mean / largest * 255 + 0.5);
}

bool loss_call_picture(struct loss_call *call, struct failure *failure) {
  struct result unreduced = {.data = NULL};
  struct result *loss = &call->loss;
  closs_plan_options options = call->options;
  if (options.reduction != CLOSS_NONE) {
    options.reduction = CLOSS_NONE;
    options.outputs = CLOSS_OUTPUT_LOSS;
    options.upstream = NULL;
    options.mean_over = CLOSS_MEAN_OVER_WEIGHTS;
    loss = &unreduced;
    if (!loss_call_run(call, &options, loss, failure)) {
      free(unreduced.data);
      return false;
    }
  }
  if (loss->tensor.rank != 3) { /* weights may add dimensions */
    free(unreduced.data);
    return failure_set(failure, STATUS_USAGE, "--png: the loss has %u dimensions; expected height, width and channels",
                       loss->tensor.rank);
  }
  size_t height = (size_t)loss->tensor.shape[0], width = (size_t)loss->tensor.shape[1];
  size_t pixels = height * width, channels = (size_t)loss->tensor.shape[2];
  double *means = malloc(pixels * sizeof *means);
  unsigned char *grey = malloc(pixels);
  bool good = means != NULL && grey != NULL;
  if (good) {
    double largest = average(loss, means, pixels, channels);
    for (size_t i = 0; i < pixels; i++)
      grey[i] = grey_of(means[i], largest);
    good = picture_write("--png", grey, width, height, &call->picture_bytes, &call->picture->sizes[0], failure);
    call->picture->parts[0] = call->picture_bytes;
  } else {
    failure_set(failure, STATUS_FAILED, "--png: out of memory");
  }
  free(grey);
  free(means);
  free(unreduced.data);
  return good;
}
