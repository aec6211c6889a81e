/* closs fit */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "commands.h"
#include "fit_columns.h"
#include "fit_device.h"
#include "fit_plot.h"
#include "fit_solve.h"
#include "json.h"
#include "loss_call.h"
#include "npy.h"
#include "number.h"
#include "parameters.h"
#include "progress.h"

struct fit_call {
  const struct arguments *arguments;
  const closs_loss_info *info;
  struct parameters parameters;
  double width; /* the loss's parameter */
  double l2, tolerance;
  size_t most_iterations;
  struct fit_data data;
  struct fit_device device;
  struct outputs outputs;
  struct output *model, *picture;
  struct plot plot;
  struct fit_history history;
  struct fit_result result;
  double *coefficients;
  size_t unknowns;
  char header[NPY_HEADER_MAX];
  double started;
};

/* An option's number, which must be at least `least`. */
static bool parse_number(const struct arguments *arguments, const char *name, double least, double *value,
                         struct failure *failure) {
  const char *text = arguments_value(arguments, name);
  if (text == NULL || (number_parse(text, value) && *value >= least && *value < INFINITY)) return true;
  return failure_set(failure, STATUS_USAGE, "--%s: '%s'; expected a number of %g or more", name, text, least);
}

static bool parse_iterations(struct fit_call *call, struct failure *failure) {
  const char *text = arguments_value(call->arguments, "max-iterations");
  if (text == NULL) return true;
  char *end;
  errno = 0;
  call->most_iterations = strtoul(text, &end, 10);
  if (*text >= '0' && *text <= '9' && *end == 0 && errno == 0 && call->most_iterations > 0) return true;
  return failure_set(failure, STATUS_USAGE, "--max-iterations: '%s'; expected a whole number of 1 or more", text);
}

/* That the loss has the parameters, in their range. */
static bool check_parameters(struct fit_call *call, struct failure *failure) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_error error;
  options.loss = call->info->loss;
  options.parameters = call->parameters.list;
  options.parameter_count = call->parameters.count;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F64, 0, NULL);
  if (closs_loss_supported(NULL, &options, &error) != CLOSS_OK) return failure_set_closs(failure, &error);
  if (call->info->parameter_count > 0) call->width = call->info->parameters[0].default_value;
  if (call->parameters.count > 0) call->width = call->parameters.list[0].value;
  /* Without a width smooth_l1 is l1. */
  if (call->info->loss == CLOSS_SMOOTH_L1 && call->width == 0) call->info = closs_loss_by_id(CLOSS_L1);
  return true;
}

static bool parse(struct fit_call *call, struct failure *failure) {
  const struct arguments *arguments = call->arguments;
  const char *loss = arguments_value(arguments, "loss");
  if (arguments->operand_count != 2)
    return failure_set(failure, STATUS_USAGE, "closs fit: %zu operands; expected X Y", arguments->operand_count);
  if (loss == NULL) return failure_set(failure, STATUS_USAGE, "closs fit: --loss is missing; see closs losses");
  call->info = closs_loss_by_name(loss);
  if (call->info == NULL) return failure_set(failure, STATUS_USAGE, "--loss: '%s' is no loss; see closs losses", loss);
  call->tolerance = 5e-7;
  call->most_iterations = 1000;
  return parameters_read(&call->parameters, arguments, failure) && check_parameters(call, failure) &&
         parse_number(arguments, "l2", 0, &call->l2, failure) &&
         parse_number(arguments, "tolerance", 0, &call->tolerance, failure) && parse_iterations(call, failure);
}

static bool open_outputs(struct fit_call *call, struct failure *failure) {
  const char *model = arguments_value(call->arguments, "output");
  const char *picture = arguments_value(call->arguments, "plot");
  if (model != NULL) {
    call->model = outputs_add(&call->outputs, "--output", model, failure);
    if (call->model == NULL) return false;
  }
  if (picture == NULL) return true;
  call->picture = outputs_add(&call->outputs, "--plot", picture, failure);
  return call->picture != NULL && plot_begin(&call->plot, "--plot", call->data.features == 1 ? 640 : 900, 400, failure);
}

static bool read_data(struct fit_call *call, struct failure *failure) {
  struct fit_data *data = &call->data;
  if (!fit_data_read(data, call->arguments, failure)) return false;
  call->unknowns = data->features + (data->intercept ? 1 : 0);
  if (data->rows < call->unknowns && call->l2 == 0)
    return failure_set(failure, STATUS_USAGE,
                       "X: %zu rows do not determine %zu coefficients%s; give more rows, or --l2 above 0", data->rows,
                       call->unknowns, data->intercept ? " with the intercept" : "");
  /* With l2 there is one minimum, whatever the columns. */
  return fit_data_prepare(data, arguments_value(call->arguments, "no-standardize") == NULL, failure) &&
         (call->l2 > 0 || fit_columns_drop(data, failure));
}

/* ---- the solution ---- */

static void step(void *user, size_t iteration, double objective, double gradient_norm) {
  struct fit_call *call = (struct fit_call *)user;
  struct fit_history *history = &call->history;
  progress_update("iteration %zu, loss %.6g, gradient %.2g", iteration, objective, gradient_norm);
  if (call->picture == NULL) return;
  if (history->count == history->capacity) {
    size_t capacity = history->capacity == 0 ? 256 : 2 * history->capacity;
    double *more = realloc(history->objectives, capacity * sizeof *more);
    if (more == NULL) return; /* the curve ends here */
    history->objectives = more;
    history->capacity = capacity;
  }
  history->objectives[history->count++] = objective;
}

/* fit_solve()'s callbacks have one user: the call. */
static bool evaluate(void *user, const double *w, double *loss, double *gradient) {
  return fit_device_evaluate(&((struct fit_call *)user)->device, w, loss, gradient);
}

static bool set_width(void *user, double width) {
  return fit_device_set_width(&((struct fit_call *)user)->device, width);
}

static bool residuals(void *user, double *values) {
  return fit_device_residuals(&((struct fit_call *)user)->device, values);
}

static void row(void *user, size_t at, double *x) {
  fit_data_row(&((struct fit_call *)user)->data, at, x);
}

static bool solve(struct fit_call *call, struct failure *failure) {
  const struct fit_problem problem = {.user = call,
                                      .rows = call->data.rows,
                                      .unknowns = call->unknowns,
                                      .intercept = call->data.intercept,
                                      .loss = call->info->loss,
                                      .width = call->width,
                                      .l2 = call->l2,
                                      .shares = call->data.shares,
                                      .unit = call->data.dtype == CLOSS_F64 ? 0x1p-53 : 0x1p-24,
                                      .evaluate = evaluate,
                                      .set_width = set_width,
                                      .residuals = residuals,
                                      .row = row,
                                      .step = step};
  struct fit_result *result = &call->result;
  result->w = calloc(call->unknowns, sizeof *result->w);
  call->coefficients = calloc(call->unknowns, sizeof *call->coefficients);
  if (result->w == NULL || call->coefficients == NULL ||
      !fit_solve(&problem, call->tolerance, call->most_iterations, result))
    return failure_set(failure, STATUS_FAILED, "closs fit: out of memory for %zu coefficients", call->unknowns);
  if (result->overflowed)
    return failure_set(failure, STATUS_USAGE,
                       "X, Y: the products or the loss overflow %s; give them in smaller units%s",
                       closs_dtype_name(call->data.dtype), call->data.dtype == CLOSS_F32 ? ", or as f64" : "");
  fit_data_coefficients(&call->data, result->w, call->coefficients);
  if (call->arguments->verbose)
    fprintf(stderr, "closs: %s: %.3g after %zu iterations, tolerance %g\n",
            call->info->loss == CLOSS_L1 ? "relative duality gap" : "relative gradient", result->certificate,
            result->iterations, call->tolerance);
  if (result->converged || arguments_value(call->arguments, "allow-partial") != NULL) return true;
  return failure_set(failure, STATUS_FAILED,
                     "did not converge: %s %.3g after %zu iterations, tolerance %g; --allow-partial takes it as it is",
                     call->info->loss == CLOSS_L1 ? "relative duality gap" : "relative gradient", result->certificate,
                     result->iterations, call->tolerance);
}

/* ---- the results ---- */

static bool draw(struct fit_call *call, struct failure *failure) {
  double loss, *values = malloc((call->data.rows + call->unknowns) * sizeof *values);
  if (call->picture == NULL) {
    free(values);
    return true;
  }
  if (values == NULL) return failure_set(failure, STATUS_FAILED, "--plot: out of memory");
  if (call->history.count == 0) step(call, 0, call->result.mean_loss, 0);
  bool good =
      evaluate(call, call->result.w, &loss, values + call->data.rows) && residuals(call, values) &&
      fit_plot_draw(&call->plot, &call->data, call->info->name, call->coefficients, values, &call->history, failure) &&
      plot_end(&call->plot, call->picture, failure);
  free(values);
  return good;
}

static void give_model(struct fit_call *call) {
  if (call->model == NULL) return;
  const uint64_t shape[1] = {call->unknowns};
  const closs_tensor tensor = closs_tensor_contiguous(CLOSS_F64, 1, shape);
  call->model->parts[0] = call->header;
  call->model->sizes[0] = npy_write_header(call->header, &tensor);
  call->model->parts[1] = call->coefficients;
  call->model->sizes[1] = call->unknowns * sizeof *call->coefficients;
}

static void print_json(const struct fit_call *call) {
  struct json json = json_begin(stdout);
  json_open(&json, NULL, '{');
  json_open(&json, "coef", '[');
  for (size_t i = 0; i < call->unknowns; i++)
    json_double(&json, NULL, call->coefficients[i]);
  json_close(&json, ']');
  json_double(&json, "mean_loss", call->result.mean_loss);
  json_unsigned(&json, "iterations", call->result.iterations);
  json_bool(&json, "converged", call->result.converged);
  json_double(&json, "seconds", seconds_now() - call->started);
  json_close(&json, '}');
  putchar('\n');
}

/* The coefficients, one a line, then the intercept. */
static void print(const struct fit_call *call) {
  char text[NUMBER_TEXT];
  if (call->arguments->json) {
    print_json(call);
    return;
  }
  for (size_t i = 0; i < call->unknowns && call->model == NULL; i++) {
    number_text_f64(text, call->coefficients[i]);
    puts(text);
  }
}

static void release(struct fit_call *call) {
  plot_release(&call->plot);
  outputs_release(&call->outputs);
  fit_device_close(&call->device);
  fit_data_release(&call->data);
  parameters_release(&call->parameters);
  free(call->history.objectives);
  free(call->result.w);
  free(call->coefficients);
}

bool command_fit(const struct arguments *arguments, struct failure *failure) {
  struct fit_call call = {.arguments = arguments, .started = seconds_now()};
  bool good = parse(&call, failure);
  if (good) progress_begin("fitting");
  good = good && read_data(&call, failure) && open_outputs(&call, failure) &&
         fit_device_open(&call.device, arguments, &call.data, call.info, call.width, failure) &&
         solve(&call, failure) && draw(&call, failure);
  if (good) give_model(&call);
  good = good && outputs_write(&call.outputs, failure);
  progress_end();
  if (good) print(&call);
  good = good && print_end(failure) && outputs_commit(&call.outputs, failure);
  release(&call);
  return good;
}
