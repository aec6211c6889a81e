/* From a finished sum to what is stored. */

/* The scale of the gradients: g, or for a mean g times the factor. */
CLOSS_INLINE closs_real closs_gradient_scale(uint flags, closs_real g, closs_pair factor) {
  return flags & CLOSS_FLAG_MEAN ? closs_pair_times(closs_make_pair(g, 0), factor) : g;
}

/* The factor of a mean: from the weights' sum in the workspace, or the arguments. */
CLOSS_INLINE closs_pair closs_mean_factor(uint flags, __global const closs_real *weights, closs_real high,
                                          closs_real low) {
  return flags & CLOSS_FLAG_OVER_WEIGHTS ? closs_make_pair(weights[0], weights[1]) : closs_make_pair(high, low);
}

/* The upstream gradient where it is one value. */
CLOSS_INLINE closs_real closs_upstream(uint flags, uint types, __global const uchar *upstream, size_t at,
                                       closs_real g) {
  return flags & CLOSS_FLAG_UPSTREAM_SCALAR ? closs_load(CLOSS_TYPE(types, CLOSS_SLOT_UPSTREAM), upstream, at) : g;
}

/* A finished sum: the weights' into the workspace, {reciprocal's pair, sum's pair}, or the reduced loss. */
CLOSS_INLINE void closs_store_sum(uint flags, uint types, closs_pair sum, __global closs_real *weights,
                                  closs_pair factor, __global uchar *loss, size_t at) {
  if (flags & CLOSS_FLAG_RESULT_FACTOR) {
    closs_pair reciprocal = closs_reciprocal(sum);
    weights[0] = reciprocal.s;
    weights[1] = reciprocal.c;
    weights[2] = sum.s;
    weights[3] = sum.c;
    return;
  }
  closs_real v = flags & CLOSS_FLAG_OVER_WEIGHTS ? closs_quotient(sum, closs_make_pair(weights[2], weights[3]))
                 : flags & CLOSS_FLAG_MEAN       ? closs_pair_times(sum, factor)
                                                 : closs_pair_value(sum);
  closs_store(CLOSS_TYPE(types, CLOSS_SLOT_LOSS), loss, at, v);
}

/* One element of the gradient of a broadcast operand, from its sum: the terms had the upstream gradient already, or the
 * scale of the reduced loss is still to come. */
CLOSS_INLINE void closs_store_column(uint flags, uint types, closs_pair sum, closs_real g, closs_pair factor,
                                     __global uchar *out, size_t at, uint part) {
  const bool of_target = (flags & CLOSS_FLAG_COLUMN_TARGET) != 0;
  const closs_real k = flags & CLOSS_FLAG_TERM_SCALED ? (closs_real)1 : closs_gradient_scale(flags, g, factor);
  closs_real v = closs_pair_times(sum, closs_make_pair(k, 0));
  closs_store_gradient(CLOSS_TYPE(types, of_target ? CLOSS_SLOT_TARGET_GRADIENT : CLOSS_SLOT_INPUT_GRADIENT), out, at,
                       part, of_target ? -v : v,
                       (flags & (of_target ? CLOSS_FLAG_ACCUMULATE_TARGET : CLOSS_FLAG_ACCUMULATE_INPUT)) != 0);
}
