/* closs fit: the passes over the data, on the device. */
#ifndef PROGRAM_FIT_DEVICE_H
#define PROGRAM_FIT_DEVICE_H

#include "closs/linear.h"
#include "devices.h"
#include "fit_data.h"

struct fit_device {
  const struct fit_data *data;
  struct open_device device;
  struct failure *failure;
  closs_loss loss; /* of l1 smooth_l1 */
  closs_linear *linear;
  closs_linear_buffers buffers;
  cl_command_queue queue;
  void *w, *results; /* of the data's type: coefficients and intercept; loss, gradients */
  void *predictions;
};

/* Opens the device of the command line, and puts the data there. */
bool fit_device_open(struct fit_device *fit, const struct arguments *arguments, const struct fit_data *data,
                     const closs_loss_info *info, double width, struct failure *failure);

/* The callbacks of fit_solve(); `user` is the fit_device. */
bool fit_device_evaluate(void *user, const double *w, double *loss, double *gradient);
bool fit_device_set_width(void *user, double width);
bool fit_device_residuals(void *user, double *residuals);

void fit_device_close(struct fit_device *fit);

#endif
