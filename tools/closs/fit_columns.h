/* Columns that leave coefficients undetermined. */
#ifndef PROGRAM_FIT_COLUMNS_H
#define PROGRAM_FIT_COLUMNS_H

#include "fit_data.h"

/* Makes columns of the design 0 that are combinations of those before them, so that their coefficients are 0, and says
 * so on stderr: the minimum is the same, and the other coefficients are determined. False where memory is short. */
bool fit_columns_drop(struct fit_data *data, struct failure *failure);

#endif
