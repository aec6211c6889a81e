/* Numbers as text: with a point in every locale, and no digit more than needed. */
#ifndef PROGRAM_NUMBER_H
#define PROGRAM_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "closs/types.h"

#define NUMBER_TEXT 40

/*
 * A real floating-point value (f16, bf16, f32, f64) in the shortest digits that read back to the same value of its
 * type; "nan", "inf", "-inf".
 */
void number_text(char text[NUMBER_TEXT], closs_dtype dtype, const void *element);

/* The same of a double. */
void number_text_f64(char text[NUMBER_TEXT], double value);

/* An element of a real floating-point type as a double, exactly. */
double number_value(closs_dtype dtype, const void *element);

/* The element's IEEE bits. */
uint64_t number_bits(closs_dtype dtype, const void *element);

/*
 * Reads a number at the start of `text`, rounded once to `dtype` (f32 or f64), as strtod() reads one in the C locale:
 * decimal, hexadecimal, "nan", "inf". Returns the end of the number, or NULL where there is none.
 */
const char *number_read(const char *text, closs_dtype dtype, void *element);

/* Whether all of `text` is one number; its value. */
bool number_parse(const char *text, double *value);

/* Whether all of `text` is a size: digits, then perhaps K, M, G or T (powers of 1024); its value. */
bool number_parse_size(const char *text, uint64_t *size);

#endif
