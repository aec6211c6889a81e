/* l1: z = |d|; torch.nn.L1Loss, mindspore.nn.L1Loss. */
CLOSS_INLINE void closs_element(closs_value d, closs_real p, closs_real r, closs_value *value, closs_value *slope) {
  *value = fabs(d);
  *slope = d > 0 ? CLOSS_VALUE(1) : d < 0 ? CLOSS_VALUE(-1) : d;
}

#ifdef CLOSS_COMPLEX
/* The modulus of (a, b) and its derivative (a, b) / z. */
CLOSS_INLINE void closs_element_complex(closs_real a, closs_real b, closs_real *value, closs_real *slope_a,
                                        closs_real *slope_b) {
  bool infinite = (a == a && !closs_is_finite(a)) || (b == b && !closs_is_finite(b));
  if (a != a || b != b) {
    *value = *slope_a = *slope_b = closs_as_real(CLOSS_NAN_BITS);
    return;
  }
  if (infinite) {
    a = closs_is_finite(a) ? (closs_real)0 : a > 0 ? (closs_real)1 : (closs_real)-1;
    b = closs_is_finite(b) ? (closs_real)0 : b > 0 ? (closs_real)1 : (closs_real)-1;
  }
  closs_real m = fabs(a) > fabs(b) ? fabs(a) : fabs(b);
  if (m == 0) {
    *value = *slope_a = *slope_b = 0;
    return;
  }
  closs_scaling k = closs_normal(m);
  a = (a * k.first) * k.second;
  b = (b * k.first) * k.second;
  closs_real aa = a * a, bb = b * b;
  closs_pair h = closs_two_sum(aa, bb);
  h.c = h.c + (closs_product_error(a, a, aa) + closs_product_error(b, b, bb));
  closs_real y = closs_rsqrt(h.s);
  closs_real z = h.s * y;
  closs_real p = z * z;
  closs_real r = ((h.s - p) - closs_product_error(z, z, p)) + h.c;
  z = z + r * ((closs_real)0.5f * y);
  *value = infinite ? closs_as_real(CLOSS_INFINITY_BITS) : closs_scale(z, k.power);
  closs_real q = a * y;
  p = q * z;
  *slope_a = q + ((a - p) - closs_product_error(q, z, p)) * y;
  q = b * y;
  p = q * z;
  *slope_b = q + ((b - p) - closs_product_error(q, z, p)) * y;
}
#endif
