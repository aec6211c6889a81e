/* closs fit: the arrays, checked, and the design matrix that is handed to the device. */
#ifndef PROGRAM_FIT_DATA_H
#define PROGRAM_FIT_DATA_H

#include "operand.h"
#include "options.h"

struct fit_data {
  struct operand x, y, weight;
  closs_dtype dtype; /* f32 or f64: of the products and the loss */
  size_t rows, features;
  size_t columns; /* of the design: features, and columns of 0 up to whole vectors where they cost little */
  bool intercept;
  void *design;  /* rows x columns of dtype: (x - shift) * scale */
  void *targets; /* rows of dtype: y - target_shift */
  double *shift, *scale;
  double target_shift;
  void *shares_typed; /* rows of dtype: the weights, divided by their sum; NULL: none */
  double *shares;
};

/* Reads X, Y and --weight, and checks that they are numbers and fit each other. */
bool fit_data_read(struct fit_data *data, const struct arguments *arguments, struct failure *failure);

/* Makes design and targets; says on stderr which columns are constant. */
bool fit_data_prepare(struct fit_data *data, bool standardize, struct failure *failure);

/* From the unknowns of the design (features, then the intercept if any) to coefficients in the units of X. */
void fit_data_coefficients(const struct fit_data *data, const double *w, double *coefficients);

/* A row of the design in double, and behind it 1 where there is an intercept. */
void fit_data_row(const struct fit_data *data, size_t row, double *x);

void fit_data_release(struct fit_data *data);

#endif
