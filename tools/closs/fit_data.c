#include "fit_data.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Vectors that the kernel of rows takes: columns beyond a whole number of them go one at a time. */
enum { VECTOR = 16 };

static bool out_of_memory(const char *what, struct failure *failure) {
  return failure_set(failure, STATUS_FAILED, "%s: out of memory", what);
}

static double value_at(const struct operand *operand, closs_dtype dtype, size_t row, size_t column) {
  const closs_tensor *t = &operand->tensor;
  int64_t at = (int64_t)row * (t->rank > 0 ? t->strides[0] : 0) + (int64_t)column * (t->rank > 1 ? t->strides[1] : 0);
  return dtype == CLOSS_F64 ? ((const double *)operand->data)[at] : (double)((const float *)operand->data)[at];
}

/* A vector, or a matrix of one column. */
static bool check_vector(const struct operand *operand, size_t rows, struct failure *failure) {
  const closs_tensor *t = &operand->tensor;
  bool vector = t->rank == 1 || (t->rank == 2 && t->shape[1] == 1);
  if (!vector)
    return failure_set(failure, STATUS_USAGE, "%s: '%.200s' has %u dimensions; expected 1, or 2 with one column",
                       operand->what, operand->text, t->rank);
  if (t->shape[0] == rows) return true;
  return failure_set(failure, STATUS_USAGE, "%s: '%.200s' has %llu rows, X has %zu; they must be equal", operand->what,
                     operand->text, (unsigned long long)t->shape[0], rows);
}

static bool check_shapes(struct fit_data *data, bool has_weight, struct failure *failure) {
  const closs_tensor *x = &data->x.tensor;
  if (x->rank != 1 && x->rank != 2)
    return failure_set(failure, STATUS_USAGE, "X: '%.200s' has %u dimensions; expected 2: rows and columns",
                       data->x.text, x->rank);
  data->rows = (size_t)x->shape[0];
  data->features = x->rank == 2 ? (size_t)x->shape[1] : 1;
  if (data->rows == 0 || data->features == 0)
    return failure_set(failure, STATUS_USAGE, "X: '%.200s' is empty: %zu rows, %zu columns", data->x.text, data->rows,
                       data->features);
  return check_vector(&data->y, data->rows, failure) &&
         (!has_weight || check_vector(&data->weight, data->rows, failure));
}

/* The arithmetic type: f64 where X or Y has it. */
static bool convert(struct fit_data *data, bool has_weight, struct failure *failure) {
  struct operand *operands[] = {&data->x, &data->y, &data->weight};
  data->dtype = CLOSS_F32;
  for (int i = 0; i < 3; i++) {
    closs_dtype dtype = operands[i]->tensor.dtype;
    if (i == 2 && !has_weight) break;
    if (dtype == CLOSS_C64 || dtype == CLOSS_C128)
      return failure_set(failure, STATUS_USAGE, "%s: '%.200s' is %s; expected real numbers", operands[i]->what,
                         operands[i]->text, closs_dtype_name(dtype));
    if (i < 2 && dtype == CLOSS_F64) data->dtype = CLOSS_F64;
  }
  return operand_convert(&data->x, data->dtype, failure) && operand_convert(&data->y, data->dtype, failure) &&
         (!has_weight || operand_convert(&data->weight, CLOSS_F64, failure));
}

static const char *number_name(double value) {
  return value != value ? "nan" : value > 0 ? "inf" : "-inf";
}

static bool check_finite(const struct operand *operand, closs_dtype dtype, size_t rows, size_t columns,
                         struct failure *failure) {
  for (size_t row = 0; row < rows; row++) {
    for (size_t column = 0; column < columns; column++) {
      double value = value_at(operand, dtype, row, column);
      if (fabs(value) <= DBL_MAX) continue;
      if (operand->tensor.rank == 2)
        return failure_set(failure, STATUS_USAGE, "%s: '%.200s' is %s in row %zu, column %zu (counted from 0)",
                           operand->what, operand->text, number_name(value), row, column);
      return failure_set(failure, STATUS_USAGE, "%s: '%.200s' is %s in row %zu (counted from 0)", operand->what,
                         operand->text, number_name(value), row);
    }
  }
  return true;
}

/* Weights to shares of 1. */
static bool make_shares(struct fit_data *data, struct failure *failure) {
  double sum = 0;
  data->shares = malloc(data->rows * sizeof *data->shares);
  data->shares_typed = malloc(data->rows * sizeof(double));
  if (data->shares == NULL || data->shares_typed == NULL) return out_of_memory("--weight", failure);
  for (size_t i = 0; i < data->rows; i++) {
    data->shares[i] = value_at(&data->weight, CLOSS_F64, i, 0);
    if (data->shares[i] < 0)
      return failure_set(failure, STATUS_USAGE, "--weight: %g in row %zu (counted from 0); expected 0 or more",
                         data->shares[i], i);
    sum += data->shares[i];
  }
  if (sum <= 0 || sum > DBL_MAX)
    return failure_set(failure, STATUS_USAGE, "--weight: the sum is %g; expected a number above 0", sum);
  for (size_t i = 0; i < data->rows; i++)
    data->shares[i] /= sum;
  closs_convert(data->dtype, data->shares_typed, CLOSS_F64, data->shares, data->rows, NULL);
  /* What the device has is what counts. */
  closs_convert(CLOSS_F64, data->shares, data->dtype, data->shares_typed, data->rows, NULL);
  return true;
}

bool fit_data_read(struct fit_data *data, const struct arguments *arguments, struct failure *failure) {
  const char *weight = arguments_value(arguments, "weight");
  struct operand_source source = {false, 0};
  bool has_weight = weight != NULL;
  *data = (struct fit_data){.intercept = arguments_value(arguments, "no-intercept") == NULL};
  if (!operand_read(&data->x, "X", arguments->operands[0], CLOSS_F32, &source, failure) ||
      !operand_read(&data->y, "Y", arguments->operands[1], CLOSS_F32, &source, failure) ||
      (has_weight && !operand_read(&data->weight, "--weight", weight, CLOSS_F64, &source, failure)))
    return false;
  return check_shapes(data, has_weight, failure) && operand_check_whole(&data->x, failure) &&
         operand_check_whole(&data->y, failure) && operand_check_whole(&data->weight, failure) &&
         convert(data, has_weight, failure) && check_finite(&data->y, data->dtype, data->rows, 1, failure) &&
         (!has_weight ||
          (check_finite(&data->weight, CLOSS_F64, data->rows, 1, failure) && make_shares(data, failure)));
}

/* ---- the design ---- */

/* Sums of the columns and of their squares, about the first row: one pass. An element that is no number shows in them.
 */
static bool sum_columns(const struct fit_data *data, double *sum, double *square, double *first,
                        struct failure *failure) {
  size_t n = data->features;
  double finite = 0;
  for (size_t j = 0; j < n; j++)
    first[j] = value_at(&data->x, data->dtype, 0, j);
  for (size_t i = 0; i < data->rows; i++) {
    for (size_t j = 0; j < n; j++) {
      double d = value_at(&data->x, data->dtype, i, j) - first[j];
      sum[j] += d;
      square[j] += d * d;
    }
  }
  for (size_t j = 0; j < n; j++)
    finite += sum[j] * 0;
  return finite == 0 || check_finite(&data->x, data->dtype, data->rows, n, failure);
}

/* Mean and spread of each column, or without an intercept 0 and its root mean square; a column without any has scale 0.
 */
static bool make_scales(struct fit_data *data, bool standardize, struct failure *failure) {
  size_t n = data->features;
  double rows = (double)data->rows, *sum = calloc(3 * n, sizeof *sum);
  if (sum == NULL) return out_of_memory("X", failure);
  double *square = sum + n, *first = sum + 2 * n;
  bool good = sum_columns(data, sum, square, first, failure);
  for (size_t j = 0; good && j < n; j++) {
    double offset = sum[j] / rows, mean = first[j] + offset, spread = sqrt(fmax(square[j] / rows - offset * offset, 0));
    double size = data->intercept ? spread : hypot(spread, mean);
    /* A spread that is rounding of the mean is none. */
    bool nothing = size <= 4 * DBL_EPSILON * fabs(mean);
    if (!(size <= DBL_MAX))
      good = failure_set(failure, STATUS_USAGE, "X: '%.200s': the squares of column %zu (counted from 0) overflow",
                         data->x.text, j);
    if (nothing)
      fprintf(stderr, "closs: X: column %zu (counted from 0) is %s: its coefficient is 0\n", j,
              data->intercept ? "constant" : "0");
    data->shift[j] = data->intercept && standardize ? mean : 0;
    data->scale[j] = nothing ? 0 : standardize ? 1 / size : 1;
  }
  free(sum);
  return good;
}

static void fill_row(struct fit_data *data, size_t row) {
  for (size_t j = 0; j < data->features; j++) {
    double value = (value_at(&data->x, data->dtype, row, j) - data->shift[j]) * data->scale[j];
    if (data->dtype == CLOSS_F64) {
      ((double *)data->design)[row * data->columns + j] = value;
    } else {
      ((float *)data->design)[row * data->columns + j] = (float)value;
    }
  }
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The targets, about their median where an intercept takes it up: residuals then begin at their own size. */
static bool make_targets(struct fit_data *data, struct failure *failure) {
  double *values = malloc((data->rows + 1) * sizeof *values);
  if (values == NULL) return out_of_memory("Y", failure);
  for (size_t i = 0; i < data->rows; i++)
    values[i] = value_at(&data->y, data->dtype, i, 0);
  if (data->intercept) {
    qsort(values, data->rows, sizeof *values, compare);
    data->target_shift = values[data->rows / 2];
  }
  for (size_t i = 0; i < data->rows; i++)
    values[i] = value_at(&data->y, data->dtype, i, 0) - data->target_shift;
  closs_convert(data->dtype, data->targets, CLOSS_F64, values, data->rows, NULL);
  free(values);
  return true;
}

bool fit_data_prepare(struct fit_data *data, bool standardize, struct failure *failure) {
  size_t whole = (data->features + VECTOR - 1) / VECTOR * VECTOR, size = closs_dtype_size(data->dtype);
  data->columns = whole <= data->features + data->features * 3 / 5 ? whole : data->features;
  data->shift = calloc(data->features, sizeof *data->shift);
  data->scale = calloc(data->features, sizeof *data->scale);
  if (data->shift == NULL || data->scale == NULL || data->columns > (SIZE_MAX - 4096) / size / data->rows ||
      posix_memalign(&data->design, 4096, data->rows * data->columns * size) != 0 ||
      posix_memalign(&data->targets, 4096, data->rows * size) != 0)
    return failure_set(failure, STATUS_FAILED, "X: out of memory for %zu x %zu elements of %s", data->rows,
                       data->columns, closs_dtype_name(data->dtype));
  if (!make_scales(data, standardize, failure)) return false;
  memset(data->design, 0, data->rows * data->columns * size);
  for (size_t i = 0; i < data->rows; i++)
    fill_row(data, i);
  return make_targets(data, failure);
}

void fit_data_coefficients(const struct fit_data *data, const double *w, double *coefficients) {
  double intercept = data->target_shift;
  for (size_t j = 0; j < data->features; j++) {
    coefficients[j] = w[j] * data->scale[j];
    intercept -= coefficients[j] * data->shift[j];
  }
  if (data->intercept) coefficients[data->features] = w[data->features] + intercept;
}

void fit_data_row(const struct fit_data *data, size_t row, double *x) {
  for (size_t j = 0; j < data->features; j++)
    x[j] = data->dtype == CLOSS_F64 ? ((const double *)data->design)[row * data->columns + j]
                                    : (double)((const float *)data->design)[row * data->columns + j];
  if (data->intercept) x[data->features] = 1;
}

void fit_data_release(struct fit_data *data) {
  operand_release(&data->x);
  operand_release(&data->y);
  operand_release(&data->weight);
  free(data->design);
  free(data->targets);
  free(data->shift);
  free(data->scale);
  free(data->shares);
  free(data->shares_typed);
}
