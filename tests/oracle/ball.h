/* Arithmetic on balls: a real number, and how far what the published sequence computes may lie from it. */
#ifndef CLOSS_TESTS_BALL_H
#define CLOSS_TESTS_BALL_H

#include <stdbool.h>
#include <stdint.h>

#include "oracle.h"

/* A binary floating type. */
typedef struct format {
  int digits;          /* of the significand, the hidden one included */
  int smallest;        /* exponent of the smallest subnormal */
  oracle_real largest; /* the largest finite number, */
  oracle_real limit;   /* and half a unit more: from here on rounding gives infinity */
  closs_dtype dtype;
} format;

const format *format_of(closs_dtype dtype); /* of a complex type, that of its components */

/* The number that 16 bits are, with so many fraction bits: f16 has 10, bf16 7. */
oracle_real decode16(uint16_t bits, int fraction_bits);

typedef struct ball {
  oracle_real value; /* may be infinite or NaN: then it is what the sequence gives */
  oracle_real error; /* infinite: nothing is known */
} ball;

oracle_real magnitude(oracle_real value);
bool is_finite(oracle_real value);
oracle_real square_root(oracle_real value);

/* The spacing of the format at a magnitude. */
oracle_real unit_at(oracle_real value, const format *type);

ball exact(oracle_real value);
ball unknown(void);
ball add(ball a, ball b);
ball subtract(ball a, ball b);
ball multiply(ball a, ball b);
ball divide(ball a, ball b);
ball negate(ball a);

/* What one rounding makes of it: exact stays exact where it can, overflow gives an infinity. */
ball rounded(ball a, const format *type);

/* What a sequence with an error of so many units makes of it. */
ball within(ball a, oracle_real units, const format *type);

/* Of a function that is `low` below a border and `high` above it, and has no jump there. */
ball joined(ball argument, oracle_real border, bool border_is_low, ball low, ball high);

/* A sum in the making, of terms in any order. */
typedef struct total {
  oracle_real sum, error, absolute;
  double count;
  int lowest_bit; /* all terms are multiples of 2^lowest_bit, as long as they are exact */
  bool inexact, positive, negative;
} total;

extern const total total_zero;
void total_add(total *sum, ball term);

/* The unrounded pair of the canonical sum. */
ball total_pair(const total *sum, const format *type);

/* A pair times a factor, rounded. */
ball pair_times(ball pair, ball factor, const format *type);
ball pair_over(ball pair, ball divisor, const format *type);

#endif
