/* Merges what work-items or work-groups left of a pass or of a sum by columns, and writes the result: a work-item a
 * column and component. */
__kernel void closs_merge(__global closs_real *work_buffer, __global const uchar *upstream, __global uchar *out,
                          __global const int *layout_buffer, uint upstream_low, uint upstream_high, uint out_low,
                          uint out_high, uint work_low, uint work_high, uint states_at, uint factor_at, uint columns,
                          uint items, uint flags, uint types, closs_real g, closs_real factor_high,
                          closs_real factor_low) {
  /* Of a gradient alone the columns have components. */
  const uint parts = flags & CLOSS_FLAG_RESULT_COLUMN ? CLOSS_COMPONENTS : 1u;
  CLOSS_ITEMS_BEGIN(id, (size_t)columns * parts)
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
  __global const closs_real *states = work + states_at + 2 * id * items;
  const closs_pair sum = closs_merge_states(states, items);
  __global closs_real *factors = work + factor_at;
  const closs_pair factor = closs_mean_factor(flags, factors, factor_high, factor_low);
  size_t at = closs_offset(out_low, out_high);
  if (!(flags & CLOSS_FLAG_RESULT_COLUMN)) {
    closs_store_sum(flags, types, sum, factors, factor, out, at);
    return;
  }
#ifndef CLOSS_STORAGE /* the gradient of a broadcast operand: its access is strided */
  const uint column = (uint)(id / parts);
  const uint part = (uint)(id - (size_t)column * parts);
  __global const closs_index *layout = (__global const closs_index *)layout_buffer;
  at += closs_column_place(layout, flags, column);
  g = closs_upstream(flags, types, upstream, closs_offset(upstream_low, upstream_high), g);
  closs_store_column(flags, types, sum, g, factor, out, at, part);
#endif
  CLOSS_ITEMS_END
}
