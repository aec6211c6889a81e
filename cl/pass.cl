/*
 * The pass: every term once. The loss of each element or their sum, and the gradients of operands that are not
 * broadcast. Who does which chunks is the schedule's: schedule/lanes.cl or schedule/groups.cl.
 */

/*
 * chunks: of this launch, behind those `before`; the first holds terms from position `head` on, the last up to
 * position `last`.
 * Work-items (groups: work-groups) do 2^span chunks each, and leave a pair each at work[states_at]; a piece leaves a
 * pair a chunk, and after them the lanes of a last chunk that is not full.
 */
CLOSS_KERNEL void closs_pass(__global const uchar *input, __global const uchar *target, __global const uchar *weight,
                             __global const uchar *upstream, __global uchar *loss, __global uchar *input_gradient,
                             __global uchar *target_gradient, __global closs_real *work_buffer,
                             __global const closs_real *state, __global const int *layout_buffer, uint input_low,
                             uint input_high, uint target_low, uint target_high, uint weight_low, uint weight_high,
                             uint upstream_low, uint upstream_high, uint loss_low, uint loss_high,
                             uint input_gradient_low, uint input_gradient_high, uint target_gradient_low,
                             uint target_gradient_high, uint work_low, uint work_high, uint state_low, uint state_high,
                             uint states_at, uint factor_at, uint before, uint chunks, uint head, uint last, uint span,
                             uint flags, uint types, closs_real p, closs_real r, closs_real g, closs_real factor_high,
                             closs_real factor_low) {
#ifdef CLOSS_FLAGS
  flags = CLOSS_FLAGS;
#endif
  closs_pass_state pass;
  closs_arrays *arrays = &pass.arrays;
  arrays->input = input;
  arrays->target = target;
  arrays->weight = weight;
  arrays->upstream = upstream;
  arrays->loss = loss;
  arrays->input_gradient = input_gradient;
  arrays->target_gradient = target_gradient;
  arrays->at[CLOSS_SLOT_INPUT] = closs_offset(input_low, input_high);
  arrays->at[CLOSS_SLOT_TARGET] = closs_offset(target_low, target_high);
  arrays->at[CLOSS_SLOT_WEIGHT] = closs_offset(weight_low, weight_high);
  arrays->at[CLOSS_SLOT_UPSTREAM] = closs_offset(upstream_low, upstream_high);
  arrays->at[CLOSS_SLOT_LOSS] = closs_offset(loss_low, loss_high);
  arrays->at[CLOSS_SLOT_INPUT_GRADIENT] = closs_offset(input_gradient_low, input_gradient_high);
  arrays->at[CLOSS_SLOT_TARGET_GRADIENT] = closs_offset(target_gradient_low, target_gradient_high);
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
  pass.states = work + states_at;
  pass.factors = work + factor_at;
  pass.state = state + closs_offset(state_low, state_high);

  closs_terms *terms = &pass.terms;
  terms->flags = flags;
  terms->types = types;
  terms->p = p;
  terms->r = r;
  terms->weight = closs_scalar_weight(flags, types, arrays);
  pass.factor = closs_mean_factor(flags, pass.factors, factor_high, factor_low);
  g = closs_upstream(flags, types, upstream, arrays->at[CLOSS_SLOT_UPSTREAM], g);
  /* Of a reduced loss, the scale is for the gradient's finished sum. */
  const bool unscaled = (flags & CLOSS_FLAG_TERM_SLOPE) && !(flags & CLOSS_FLAG_TERM_SCALED);
  terms->k = unscaled ? (closs_real)1 : closs_gradient_scale(flags, g, pass.factor);
  closs_choose_tiles(terms);
  pass.before = before;
  pass.chunks = chunks;
  pass.head = head;
  pass.last = last;
  pass.span = span;
#ifdef CLOSS_STORAGE
  const uint slots = closs_slots(terms), aligned = closs_aligned_slots(arrays, slots, head);
  terms->streams = flags & CLOSS_FLAG_STREAM ? aligned : 0u;
#ifdef CLOSS_GROUP
  terms->aligned = aligned == slots;
#else
  terms->aligned = false; /* one kind of load is enough: CPUs do both alike */
#endif
#else
  pass.layout = (__global const closs_index *)layout_buffer;
#endif
#ifdef CLOSS_GROUP
  __local closs_real local_s[CLOSS_GROUP_LANES];
  __local closs_real local_c[CLOSS_GROUP_LANES];
  closs_run(&pass, local_s, local_c);
#else
  closs_run(&pass);
#endif
}
