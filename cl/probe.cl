/*
 * The probe: what the device makes of chosen operands, in the vectors and by the functions that the losses use.
 * Cases, results and the host's side: src/device/probe.h.
 */
#define PROBE_SUM 0
#define PROBE_DIFFERENCE 1
#define PROBE_PRODUCT 2
#define PROBE_PRODUCT_PLUS 3
#define PROBE_MINUS_PRODUCT 4
#define PROBE_ERROR 5
#define PROBE_SUM_OF_THREE 6
#define PROBE_LESS 7
#define PROBE_NAN 8
#define PROBE_LOAD 9

/*
 * A work-item does a vector of cases. operands: all a, all b, all c. elements, four uints a case: up to 8 bytes of an
 * element, its type, nothing. results: an array an operation. stored: 8 bytes a case.
 */
__kernel void closs_probe(__global const closs_value *operands, __global const uint *elements,
                          __global closs_value *results, __global uchar *stored) {
  size_t at = get_global_id(0);
  size_t count = get_global_size(0);
  closs_value one = (closs_value)(1);
  closs_value a = operands[at];
  closs_value b = operands[count + at];
  closs_value c = operands[2 * count + at];
  closs_value t = a + b;
  closs_value z = t - a;
  closs_value e = (a - (t - z)) + (b - z);
  results[PROBE_SUM * count + at] = closs_put_value(t);
  results[PROBE_DIFFERENCE * count + at] = closs_put_value(a - b);
  results[PROBE_PRODUCT * count + at] = closs_put_value(a * b);
  results[PROBE_PRODUCT_PLUS * count + at] = closs_put_value(a * b + c);
  results[PROBE_MINUS_PRODUCT * count + at] = closs_put_value(c - a * b);
  results[PROBE_ERROR * count + at] = closs_put_value(e);
  results[PROBE_SUM_OF_THREE * count + at] = closs_put_value((a + b) + c);
  results[PROBE_LESS * count + at] = a < b ? one : (closs_value)(0);
  results[PROBE_NAN * count + at] = a != a ? one : (closs_value)(0);

  __global const closs_real *lanes = (__global const closs_real *)operands;
  __global closs_real *loaded = (__global closs_real *)(results + PROBE_LOAD * count);
  for (size_t i = at * CLOSS_VALUE_WIDTH; i < (at + 1) * CLOSS_VALUE_WIDTH; i++) {
    uint type = elements[4 * i + 2];
    loaded[i] = closs_put(closs_load(type, (__global const uchar *)(elements + 4 * i), 0));
    closs_store(type, stored + 8 * i, 0, lanes[i]);
  }
}
