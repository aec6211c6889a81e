/* closs curve: losses and their gradients against the residual, computed on the device, drawn by gnuplot. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "devices.h"
#include "parameters.h"
#include "plot.h"

#include "closs/host.h"

enum { POINTS = 481, MOST_LOSSES = 16 };

struct curve {
  const closs_loss_info *info;
  closs_parameter parameter;
  size_t parameter_count;
  float loss[POINTS], gradient[POINTS];
};

/* The loss that an operand names, with the parameters given that it has. */
static bool choose(struct curve *curve, const char *name, const struct parameters *parameters, bool *used,
                   struct failure *failure) {
  curve->info = closs_loss_by_name(name);
  if (curve->info == NULL) return failure_set(failure, STATUS_USAGE, "LOSS: '%s' is no loss; see closs losses", name);
  for (size_t i = 0; i < parameters->count; i++) {
    for (size_t p = 0; p < curve->info->parameter_count; p++) {
      if (strcmp(parameters->names[i], curve->info->parameters[p].name) != 0) continue;
      curve->parameter = parameters->list[i];
      curve->parameter_count = 1;
      used[i] = true;
    }
  }
  return true;
}

static bool choose_all(struct curve *curves, const struct arguments *arguments, const struct parameters *parameters,
                       struct failure *failure) {
  bool *used = calloc(parameters->count + 1, sizeof *used), good = used != NULL;
  if (!good) failure_set(failure, STATUS_FAILED, "closs curve: out of memory");
  for (size_t i = 0; good && i < arguments->operand_count; i++)
    good = choose(&curves[i], arguments->operands[i], parameters, used, failure);
  for (size_t i = 0; good && i < parameters->count; i++)
    good = used[i] ||
           failure_set(failure, STATUS_USAGE, "parameter %s: none of these losses has it", parameters->names[i]);
  free(used);
  return good;
}

static double width_of(const struct curve *curve) {
  return curve->parameter_count > 0         ? curve->parameter.value
         : curve->info->parameter_count > 0 ? curve->info->parameters[0].default_value
                                            : 0;
}

/* Values and gradients at residuals from -reach to reach. */
static bool compute(struct curve *curve, const struct open_device *device, double reach, struct failure *failure) {
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_arrays arrays = CLOSS_ARRAYS_INIT;
  closs_error error;
  float residuals[POINTS], zero = 0;
  for (int i = 0; i < POINTS; i++)
    residuals[i] = (float)(reach * (2.0 * i / (POINTS - 1) - 1));
  options.loss = curve->info->loss;
  options.reduction = CLOSS_NONE;
  options.parameters = &curve->parameter;
  options.parameter_count = curve->parameter_count;
  options.outputs = CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT;
  options.input = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){POINTS});
  options.target = closs_tensor_contiguous(CLOSS_F32, 0, NULL);
  arrays.input = residuals;
  arrays.target = &zero;
  arrays.loss = curve->loss;
  arrays.input_gradient = curve->gradient;
  return closs_compute(device->context, &options, &arrays, NULL, NULL, &error) == CLOSS_OK ||
         failure_set_closs(failure, &error);
}

static void draw_panel(struct plot *plot, const struct curve *curves, size_t count, const char *block,
                       const char *label) {
  fprintf(plot->script, "set ylabel '%s'\nplot ", label);
  for (size_t i = 0; i < count; i++) {
    fprintf(plot->script, "%s$%s using 1:%zu with lines linetype %zu title '%s", i > 0 ? ", " : "", block, i + 2, i + 1,
            curves[i].info->name);
    if (curves[i].info->parameter_count > 0)
      fprintf(plot->script, ", %s %g", curves[i].info->parameters[0].name, width_of(&curves[i]));
    fputs("'", plot->script);
  }
  fputc('\n', plot->script);
}

/* A block of a column of residuals and one a loss; values beyond `most` are cut, so that mse leaves room for others. */
static void give_block(struct plot *plot, const struct curve *curves, size_t count, const char *name, double reach,
                       bool gradients) {
  double rows[POINTS][MOST_LOSSES + 1], flat[POINTS * (MOST_LOSSES + 1)];
  for (int i = 0; i < POINTS; i++) {
    rows[i][0] = reach * (2.0 * i / (POINTS - 1) - 1);
    for (size_t k = 0; k < count; k++)
      rows[i][k + 1] = (double)(gradients ? curves[k].gradient[i] : curves[k].loss[i]);
    memcpy(flat + (size_t)i * (count + 1), rows[i], (count + 1) * sizeof *flat);
  }
  plot_data(plot, name, POINTS, count + 1, flat);
}

static bool draw(struct plot *plot, struct curve *curves, size_t count, const struct open_device *device,
                 struct failure *failure) {
  double reach = 1;
  for (size_t i = 0; i < count; i++)
    if (width_of(&curves[i]) < INFINITY) reach = fmax(reach, width_of(&curves[i]));
  reach *= 3;
  for (size_t i = 0; i < count; i++)
    if (!compute(&curves[i], device, reach, failure)) return false;
  give_block(plot, curves, count, "loss", reach, false);
  give_block(plot, curves, count, "gradient", reach, true);
  fprintf(plot->script, "set xrange [-%.9g:%.9g]\nset xlabel 'residual'\nset key top center\n", reach, reach);
  fputs("set multiplot layout 1,2\n", plot->script);
  /* Beyond twice its reach a loss leaves the picture: else one with squares would leave the others no room. */
  fprintf(plot->script, "set yrange [0:%.9g]\n", 1.5 * reach);
  draw_panel(plot, curves, count, "loss", "loss");
  fprintf(plot->script, "set yrange [-%.9g:%.9g]\nunset key\n", reach, reach);
  draw_panel(plot, curves, count, "gradient", "gradient");
  fputs("unset multiplot\n", plot->script);
  return true;
}

bool command_curve(const struct arguments *arguments, struct failure *failure) {
  const char *path = arguments_value(arguments, "output");
  size_t count = arguments->operand_count;
  struct parameters parameters = {NULL, NULL, 0};
  struct outputs outputs = {.count = 0};
  struct open_device device = {.name = NULL};
  struct plot plot = {.option = NULL};
  if (count == 0 || count > MOST_LOSSES)
    return failure_set(failure, STATUS_USAGE, "closs curve: %zu operands; expected 1 to %d losses", count, MOST_LOSSES);
  if (path == NULL) return failure_set(failure, STATUS_USAGE, "closs curve: --output FILE.png is missing");
  struct curve *curves = calloc(count, sizeof *curves);
  bool good = curves != NULL || failure_set(failure, STATUS_FAILED, "closs curve: out of memory");
  good =
      good && parameters_read(&parameters, arguments, failure) && choose_all(curves, arguments, &parameters, failure);
  struct output *file = good ? outputs_add(&outputs, "--output", path, failure) : NULL;
  good = file != NULL && plot_begin(&plot, "--output", 900, 400, failure) &&
         device_open_chosen(arguments, &device, failure) && draw(&plot, curves, count, &device, failure) &&
         plot_end(&plot, file, failure) && outputs_write(&outputs, failure) && outputs_commit(&outputs, failure);
  plot_release(&plot);
  outputs_release(&outputs);
  device_close(&device);
  parameters_release(&parameters);
  free(curves);
  return good;
}
