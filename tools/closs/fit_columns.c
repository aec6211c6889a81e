#include "fit_columns.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A column whose part that the columns before it do not explain has less than this share of its square is their
 * combination: the rounding of f32 lies below, and what the solver could make use of above. */
#define UNEXPLAINED 1e-11

/* Products that a Gram matrix may cost: a few seconds. */
#define GRAM_WORK 1e10

/* The row's columns behind the 1 of the intercept, or a 0; x has room for two more than the features. */
static void read_row(const struct fit_data *data, size_t row, double *x) {
  x[0] = data->intercept ? 1 : 0;
  fit_data_row(data, row, x + 1);
}

/* The lower half of the sum of row row^T over every `stride`th row. */
static void make_gram(const struct fit_data *data, size_t stride, double *gram, double *x) {
  size_t n = data->features + 1;
  memset(gram, 0, n * n * sizeof *gram);
  for (size_t row = 0; row < data->rows; row += stride) {
    if (data->shares != NULL && data->shares[row] == 0) continue;
    read_row(data, row, x);
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j <= i; j++)
        gram[i * n + j] += x[i] * x[j];
  }
}

/* Cholesky's factor in place of the Gram matrix, without the columns that are combinations of those before them: these
 * are marked, and counted. Columns of nothing but 0 are none. */
static size_t find_combinations(double *gram, size_t n, bool *combination) {
  size_t count = 0;
  for (size_t i = 0; i < n; i++) {
    double *row = gram + i * n, square = row[i], rest = square;
    for (size_t j = 0; j < i; j++) {
      double sum = row[j];
      for (size_t k = 0; k < j; k++)
        sum -= row[k] * gram[j * n + k];
      row[j] = gram[j * n + j] > 0 ? sum / gram[j * n + j] : 0;
      rest -= row[j] * row[j];
    }
    combination[i] = square > 0 && rest <= UNEXPLAINED * square;
    row[i] = square > 0 && !combination[i] ? sqrt(rest) : 0;
    count += combination[i];
  }
  return count;
}

static void drop(struct fit_data *data, size_t column) {
  size_t size = closs_dtype_size(data->dtype);
  for (size_t row = 0; row < data->rows; row++)
    memset((char *)data->design + (row * data->columns + column) * size, 0, size);
  data->scale[column] = 0;
  fprintf(stderr, "closs: X: column %zu (counted from 0) is a combination of those before it%s: its coefficient is 0\n",
          column, data->intercept ? " and the intercept" : "");
}

bool fit_columns_drop(struct fit_data *data, struct failure *failure) {
  size_t n = data->features + 1, stride = data->rows > n + 16 ? data->rows / (n + 16) : 1;
  double square = (double)n * (double)n;
  const size_t asked = data->rows / stride + n; /* rows */
  if ((double)asked * square > GRAM_WORK) return true;
  double *gram = malloc((n * n + n + 1) * sizeof *gram), *x = gram == NULL ? NULL : gram + n * n;
  bool *combination = calloc(n, sizeof *combination);
  bool good = gram != NULL && combination != NULL;
  if (good) {
    /* What a few rows tell apart is apart; only where they do not, all are asked. */
    make_gram(data, stride, gram, x);
    size_t count = find_combinations(gram, n, combination);
    if (count > 0 && stride > 1) {
      bool bearable = (double)data->rows * square <= GRAM_WORK;
      if (bearable) make_gram(data, 1, gram, x);
      count = bearable ? find_combinations(gram, n, combination) : 0;
    }
    for (size_t j = 1; j < n && count > 0; j++)
      if (combination[j]) drop(data, j - 1);
  }
  free(gram);
  free(combination);
  return good || failure_set(failure, STATUS_FAILED, "X: out of memory for the products of %zu columns", n - 1);
}
