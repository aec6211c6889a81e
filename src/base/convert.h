/* Elements of every type to and from the arithmetic types float and double. Elements need no alignment. */
#ifndef CLOSS_BASE_CONVERT_H
#define CLOSS_BASE_CONVERT_H

#include "closs/types.h"

/* An element as (real, imaginary), each to nearest even. Of a real type the imaginary part is 0. */
void closs_load_f32(closs_dtype from, const void *element, float value[2]);
void closs_load_f64(closs_dtype from, const void *element, double value[2]);

/*
 * Stores a result: rounds once to nearest even; every NaN becomes the one quiet NaN of the type and every zero +0.
 * A real type takes the real part alone. Bool and integer types hold no results: they are left as they are.
 */
void closs_put_f32(closs_dtype to, void *element, const float value[2]);
void closs_put_f64(closs_dtype to, void *element, const double value[2]);

#endif
