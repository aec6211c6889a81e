/*
 * Adds a piece to a state (include/closs/partial.h; laid out as in state.h): a pair a full chunk, then the
 * lanes of a last chunk that is not full. One work-item.
 */
#ifdef CLOSS_DOUBLE
#define CLOSS_STATE_TYPE CLOSS_F64
#else
#define CLOSS_STATE_TYPE CLOSS_F32
#endif

/* Whether chunk number `block` at a level, counted in blocks of 2^level chunks, has its left sibling in a state that
 * begins here. */
CLOSS_INLINE bool closs_has_sibling(uint block, uint level, uint begin) {
  return (block & 1u) != 0 && ((block - 1u) << level) >= begin;
}

/* How many finished blocks a state of chunks [begin, end) holds. */
CLOSS_INLINE uint closs_state_blocks(uint begin, uint end) {
  uint count = 0;
  for (uint at = begin; at < end; count++) {
    uint level = 0;
    while (level < 31u && (at & (1u << level)) == 0 && at + (2u << level) <= end && at + (2u << level) > at) {
      level++;
    }
    at += 1u << level;
  }
  return count;
}

__kernel void closs_extend(__global closs_real *work_buffer, __global uint *state_buffer, uint work_low, uint work_high,
                           uint state_low, uint state_high, uint states_at, uint chunks, uint last, uint begin_low,
                           uint begin_high, uint end_low, uint end_high) {
  __global const closs_real *pairs = work_buffer + closs_offset(work_low, work_high) + states_at;
  __global uint *state = state_buffer + closs_offset(state_low, state_high);
  if (get_global_id(0) != 0) {
    return;
  }
  const uint first_low = state[CLOSS_STATE_BEGIN], first_high = state[CLOSS_STATE_BEGIN + 1u];
  const uint past_low = state[CLOSS_STATE_END], past_high = state[CLOSS_STATE_END + 1u];
  const bool begins_after_end = first_high > past_high || (first_high == past_high && first_low > past_low);
  if (state[CLOSS_STATE_MAGIC] != CLOSS_STATE_MAGIC_VALUE || state[CLOSS_STATE_DTYPE] != CLOSS_STATE_TYPE ||
      first_low % CLOSS_CHUNK != 0 || begins_after_end || past_low != begin_low || past_high != begin_high) {
    state[CLOSS_STATE_ERROR] = 1; /* no state of this type, or the piece does not go on from it */
    return;
  }
  __global closs_real *trees = (__global closs_real *)(state + CLOSS_STATE_WORDS);
  __global closs_real *lanes = trees + 2u * CLOSS_STATE_TREES;
  /* Terms to chunks: fewer than 2^43 terms, so that a chunk's number fits in 32 bits. */
  const uint begin = (first_low >> 12) | (first_high << 20);
  uint chunk = (begin_low >> 12) | (begin_high << 20);
  uint top = closs_state_blocks(begin, chunk);
  const uint full = last == CLOSS_CHUNK ? chunks : chunks - 1u;
  for (uint i = 0; i < full; i++, chunk++) {
    closs_pair p = closs_make_pair(pairs[2 * (size_t)i], pairs[2 * (size_t)i + 1]);
    uint block = chunk;
    for (uint level = 0; closs_has_sibling(block, level, begin); level++, block >>= 1) {
      top--;
      p = closs_merge_pairs(closs_make_pair(trees[2 * top], trees[2 * top + 1]), p);
      trees[2 * top] = trees[2 * top + 1] = 0;
    }
    trees[2 * top] = p.s;
    trees[2 * top + 1] = p.c;
    top++;
  }
  for (uint i = 0; i < 2u * CLOSS_LANES; i++) {
    lanes[i] = full < chunks ? pairs[2 * (size_t)full + i] : (closs_real)0;
  }
  state[CLOSS_STATE_END] = end_low;
  state[CLOSS_STATE_END + 1u] = end_high;
}
