/*
 * A linear layer's own kernels (libcloss-linear). Behind the prelude and a loss. Sums of products have no published
 * order: here alone products may be contracted.
 *
 * Options: CLOSS_STORAGE, the closs_dtype of the arrays, and CLOSS_DOUBLE as the prelude has it.
 */
#pragma OPENCL FP_CONTRACT ON

/* Copying needs the size of an element alone: f16 needs no cl_khr_fp16. */
#if CLOSS_STORAGE == 10
typedef ushort linear_element;
#elif CLOSS_STORAGE == 12
typedef uint linear_element;
#else
typedef uint2 linear_element;
#endif

/* A matrix whose rows are all b, or 0: a work-item an element. */
__kernel void closs_linear_fill(__global linear_element *matrix, uint at_low, uint at_high, uint leading_low,
                                uint leading_high, __global const linear_element *b, uint b_low, uint b_high,
                                uint has_b, uint columns, uint rows_low, uint rows_high) {
  size_t row = get_global_id(1);
  uint column = (uint)get_global_id(0);
  if (column < columns && row < closs_offset(rows_low, rows_high)) {
    matrix[closs_offset(at_low, at_high) + row * closs_offset(leading_low, leading_high) + column] =
        has_b ? b[closs_offset(b_low, b_high) + column] : (linear_element)(0);
  }
}

#if CLOSS_STORAGE != 10
#define LINEAR_WIDTH ((uint)CLOSS_VALUE_WIDTH)
#define LINEAR_LOAD CLOSS_JOIN(vload, CLOSS_VALUE_WIDTH)
#define LINEAR_STORE CLOSS_JOIN(vstore, CLOSS_VALUE_WIDTH)
#ifdef CLOSS_DOUBLE
typedef double4 linear_four;
#define LINEAR_FOLD(v) ((v).lo + (v).hi)
#else
typedef float4 linear_four;
#define LINEAR_FOLD(v) (((v).lo.lo + (v).lo.hi) + ((v).hi.lo + (v).hi.hi))
#endif

/* Rows whose slopes are kept between their products and their part of dW, while they are in the cache. */
#define LINEAR_TILE 64u

#define LINEAR_GRADIENT 1u /* dW is wanted */
#define LINEAR_BIAS 2u
#define LINEAR_WEIGHT 4u

/* One row times w, four partial sums. */
CLOSS_INLINE linear_four linear_product(__global const closs_real *x, __global const closs_real *w, uint features) {
  uint whole = features - features % LINEAR_WIDTH;
  closs_value sum = CLOSS_VALUE(0);
  for (uint j = 0; j < whole; j += LINEAR_WIDTH) {
    sum += LINEAR_LOAD(0, x + j) * LINEAR_LOAD(0, w + j);
  }
  linear_four four = LINEAR_FOLD(sum);
  for (uint j = whole; j < features; j++) {
    four.x += x[j] * w[j];
  }
  return four;
}

/* The sums of four rows' partial sums. */
CLOSS_INLINE linear_four linear_transpose(linear_four a, linear_four b, linear_four c, linear_four d) {
  linear_four ab = (linear_four)(a.lo + a.hi, b.lo + b.hi);
  linear_four cd = (linear_four)(c.lo + c.hi, d.lo + d.hi);
  return (linear_four)(ab.even + ab.odd, cd.even + cd.odd);
}

/* A tile's part of dW: added to what the work-item has, or the first. */
CLOSS_INLINE void linear_add_tile(__global const closs_real *x, size_t leading, uint features, uint count,
                                  const closs_real *slopes, __global closs_real *sums, bool first) {
  uint whole = features - features % LINEAR_WIDTH;
  for (uint j = 0; j < whole; j += LINEAR_WIDTH) {
    closs_value sum = CLOSS_VALUE(0);
    for (uint i = 0; i < count; i++) {
      sum += LINEAR_LOAD(0, x + i * leading + j) * slopes[i];
    }
    LINEAR_STORE(first ? sum : sum + LINEAR_LOAD(0, sums + j), 0, sums + j);
  }
  for (uint j = whole; j < features; j++) {
    closs_real sum = 0;
    for (uint i = 0; i < count; i++) {
      sum += x[i * leading + j] * slopes[i];
    }
    sums[j] = first ? sum : sum + sums[j];
  }
}

/*
 * A work-item takes `share` rows: their predictions and, with LINEAR_GRADIENT, its part of the sums of slope times row,
 * `padded` elements apart; unscaled. Every work-item has a row.
 */
__kernel void closs_linear_rows(__global const closs_real *x, uint x_low, uint x_high, uint leading_low,
                                uint leading_high, __global const closs_real *w, uint w_low, uint w_high,
                                __global const closs_real *b, uint b_low, uint b_high, __global const closs_real *y,
                                uint y_low, uint y_high, uint y_leading_low, uint y_leading_high,
                                __global const closs_real *weight, uint weight_low, uint weight_high, uint weight_stride,
                                __global closs_real *predictions, uint p_low, uint p_high, uint p_leading_low,
                                uint p_leading_high, __global closs_real *sums, uint sums_low, uint sums_high,
                                uint padded, uint rows, uint features, uint share, uint flags, closs_real parameter,
                                closs_real reciprocal) {
  size_t leading = closs_offset(leading_low, leading_high);
  size_t y_leading = closs_offset(y_leading_low, y_leading_high), p_leading = closs_offset(p_leading_low, p_leading_high);
  uint begin = (uint)get_global_id(0) * share;
  uint end = min(begin + share, rows);
  x += closs_offset(x_low, x_high);
  w += closs_offset(w_low, w_high);
  y += closs_offset(y_low, y_high);
  weight += closs_offset(weight_low, weight_high);
  predictions += closs_offset(p_low, p_high);
  sums += closs_offset(sums_low, sums_high) + get_global_id(0) * (size_t)padded;
  closs_real offset = flags & LINEAR_BIAS ? b[closs_offset(b_low, b_high)] : (closs_real)0;
  for (uint tile = begin; tile < end; tile += LINEAR_TILE) {
    uint count = min(LINEAR_TILE, end - tile);
    union {
      closs_real each[LINEAR_TILE];
      linear_four four[LINEAR_TILE / 4u];
      closs_value value[LINEAR_TILE / CLOSS_VALUE_WIDTH];
    } slopes;
    for (uint i = 0; i < count; i += 4u) {
      /* Rows beyond the last are the last again, and left out below. */
      __global const closs_real *row = x + (size_t)(tile + i) * leading;
      uint last = min(count - 1u - i, 3u);
      slopes.four[i / 4u] = linear_transpose(linear_product(row, w, features),
                                             linear_product(row + min(1u, last) * leading, w, features),
                                             linear_product(row + min(2u, last) * leading, w, features),
                                             linear_product(row + last * leading, w, features)) +
                            offset;
    }
    for (uint i = 0; i < count; i++) {
      predictions[(tile + i) * p_leading] = closs_put(slopes.each[i]);
    }
    if (!(flags & LINEAR_GRADIENT)) {
      continue;
    }
    for (uint i = 0; i < LINEAR_TILE; i++) {
      slopes.each[i] = i < count ? slopes.each[i] - y[(tile + i) * y_leading] : (closs_real)0;
    }
    for (uint i = 0; i < LINEAR_TILE / CLOSS_VALUE_WIDTH; i++) {
      closs_value value, slope;
      closs_element(slopes.value[i], parameter, reciprocal, &value, &slope);
      slopes.value[i] = slope;
    }
    if (flags & LINEAR_WEIGHT) {
      for (uint i = 0; i < count; i++) {
        slopes.each[i] *= weight[(tile + i) * (size_t)weight_stride];
      }
    }
    linear_add_tile(x + (size_t)tile * leading, leading, features, count, slopes.each, sums, tile == begin);
  }
}

/* dW: the work-items' sums, times the scale of the loss; a work-item a feature. */
__kernel void closs_linear_columns(__global const closs_real *sums, uint sums_low, uint sums_high, uint padded,
                                   uint items, uint features, closs_real scale, __global closs_real *gradient,
                                   uint g_low, uint g_high, uint g_leading_low, uint g_leading_high) {
  uint feature = (uint)get_global_id(0);
  if (feature < features) {
    closs_real sum = 0;
    sums += closs_offset(sums_low, sums_high);
    for (uint i = 0; i < items; i++) {
      sum += sums[(size_t)i * padded + feature];
    }
    gradient[closs_offset(g_low, g_high) + feature * closs_offset(g_leading_low, g_leading_high)] =
        closs_put(sum * scale);
  }
}
#endif
