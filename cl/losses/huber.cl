/* huber, p = delta: quadratic up to delta, linear above; torch.nn.HuberLoss, mindspore.nn.HuberLoss. */
CLOSS_INLINE void closs_element(closs_value d, closs_real p, closs_real r, closs_value *value, closs_value *slope) {
  closs_value z = fabs(d);
  closs_real half_delta = (closs_real)0.5f * p;
  closs_value quadratic = ((closs_real)0.5f * z) * z;
  *value = z <= p ? quadratic : p * (z - half_delta);
  *slope = d < -p ? CLOSS_VALUE(-p) : d > p ? CLOSS_VALUE(p) : d;
}
