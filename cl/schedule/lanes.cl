/* Schedule lanes: a work-item does 2^span chunks, one after the other, all 64 lanes at once. */
#ifdef CLOSS_SINGLE
#define CLOSS_KERNEL __kernel __attribute__((reqd_work_group_size(1, 1, 1)))
#else
#define CLOSS_KERNEL __kernel __attribute__((CLOSS_HINT))
#endif

CLOSS_INLINE void closs_run(const closs_pass_state *pass) {
  const uint flags = pass->terms.flags;
  CLOSS_ITEMS_BEGIN(item, pass->chunks == 0 ? 0u : ((pass->chunks - 1u) >> pass->span) + 1u)
  const uint first = (uint)item << pass->span;
  const uint end = min(first + (1u << pass->span), pass->chunks);
  closs_stack stack;
  stack.top = 0;
  for (uint chunk = first; chunk < end; chunk++) {
    closs_lanes lanes;
    closs_lanes_clear(&lanes);
    if (chunk == 0 && pass->head != 0) {
      closs_load_lanes(&lanes, pass->state, 0u);
    }
    closs_chunk_rows(pass, chunk, 0u, &lanes);
    if (!(flags & CLOSS_FLAG_SUM)) {
      continue;
    }
    if (!(flags & CLOSS_FLAG_PIECE)) {
      closs_stack_push(&stack, chunk - first, closs_merge_lanes(&lanes));
    } else if (closs_is_open(pass, chunk)) {
      closs_store_lanes(&lanes, pass->states + 2 * (size_t)chunk);
    } else {
      closs_store_pair(pass->states, chunk, closs_merge_lanes(&lanes));
    }
  }
  if ((flags & CLOSS_FLAG_SUM) && !(flags & CLOSS_FLAG_PIECE)) {
    closs_leave_sum(pass, first, closs_stack_fold(&stack));
  }
  CLOSS_ITEMS_END
}
