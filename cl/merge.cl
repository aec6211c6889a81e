/* Merges what work-items or work-groups left of a pass or of a sum by columns, and writes the result: a work-item a
 * column and component, or in programs of schedule groups a work-group. */
#ifdef CLOSS_GROUP
#define CLOSS_MERGE_KERNEL CLOSS_KERNEL

/*
 * All of an array of pairs, for the first work-item of the group: each merges neighbours, a power of two of them, so
 * that no more blocks are left than there are work-items; those merge level by level.
 */
CLOSS_INLINE closs_pair closs_merge_in_group(__global const closs_real *states, uint items, __local closs_real *s,
                                             __local closs_real *c) {
  const uint id = (uint)get_local_id(0);
  uint span = 0;
  while ((items - 1u) >> span >= CLOSS_GROUP) {
    span++;
  }
  const uint blocks = ((items - 1u) >> span) + 1u;
  closs_pair sum = closs_make_pair(0, 0);
  if (id < blocks) {
    const uint first = id << span;
    sum = closs_merge_states(states + 2 * (size_t)first, min(1u << span, items - first));
  }
  s[id] = sum.s;
  c[id] = sum.c;
  barrier(CLK_LOCAL_MEM_FENCE);
  closs_merge_neighbours(s, c, blocks, CLOSS_GROUP, 1u);
  return closs_make_pair(s[0], c[0]);
}
#else
#define CLOSS_MERGE_KERNEL __kernel
#endif

CLOSS_MERGE_KERNEL void closs_merge(__global closs_real *work_buffer, __global const uchar *upstream,
                                    __global uchar *out, __global const int *layout_buffer, uint upstream_low,
                                    uint upstream_high, uint out_low, uint out_high, uint work_low, uint work_high,
                                    uint states_at, uint factor_at, uint columns, uint items, uint flags, uint types,
                                    closs_real g, closs_real factor_high, closs_real factor_low) {
  /* Of a gradient alone the columns have components. */
  const uint parts = flags & CLOSS_FLAG_RESULT_COLUMN ? CLOSS_COMPONENTS : 1u;
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
#ifdef CLOSS_GROUP
  __local closs_real local_s[CLOSS_GROUP];
  __local closs_real local_c[CLOSS_GROUP];
  const size_t id = get_group_id(0);
  /* A launch without columns goes along: with a return here, POCL 3.1's loops over the barriers did not end in groups
   * of 4. */
  const bool wanted = id < (size_t)columns * parts;
  const closs_pair sum =
      closs_merge_in_group(work + (wanted ? states_at + 2 * id * items : 0), wanted ? items : 1u, local_s, local_c);
  if (!wanted || get_local_id(0) != 0) {
    return;
  }
#else
  CLOSS_ITEMS_BEGIN(id, (size_t)columns * parts)
  const closs_pair sum = closs_merge_states(work + states_at + 2 * id * items, items);
#endif
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
#ifndef CLOSS_GROUP
  CLOSS_ITEMS_END
#endif
}
