/* smooth_l1, p = beta, r = 1 / beta: quadratic below beta, linear above; torch.nn.SmoothL1Loss,
 * mindspore.nn.SmoothL1Loss. */
CLOSS_INLINE void closs_element(closs_value d, closs_real p, closs_real r, closs_value *value, closs_value *slope) {
  closs_value z = fabs(d);
  closs_real half_beta = (closs_real)0.5f * p;
  closs_value quadratic = ((closs_real)0.5f * z) * (z * r);
  *value = z < p ? quadratic : z - half_beta;
  /* At beta 0 the residual 0 lies on both sides: its slope is 0. */
  *slope = d == 0 ? d : d <= -p ? CLOSS_VALUE(-1) : d >= p ? CLOSS_VALUE(1) : d * r;
}
