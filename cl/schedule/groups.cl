/*
 * Schedule groups: a work-group does 2^span chunks, CLOSS_GROUP_CHUNKS of them at a time. A work-item has
 * CLOSS_TILE_LANES neighbouring lanes of a chunk, so that the group's loads are coalesced; in a small group it goes
 * through the chunk for one such window of lanes after the other. Lanes merge in local memory, in the same order of
 * dependence as in schedule lanes.
 */
#define CLOSS_KERNEL __kernel __attribute__((reqd_work_group_size(CLOSS_GROUP, 1, 1), CLOSS_HINT))

#define CLOSS_WINDOWS (CLOSS_LANES / CLOSS_TILE_LANES) /* of a chunk */
#if CLOSS_GROUP > CLOSS_WINDOWS
#define CLOSS_GROUP_CHUNKS (CLOSS_GROUP / CLOSS_WINDOWS)
#else
#define CLOSS_GROUP_CHUNKS 1u
#endif
#define CLOSS_GROUP_LANES (CLOSS_GROUP_CHUNKS * CLOSS_LANES)

/* Pair `at` in local memory takes up the one behind it. */
CLOSS_INLINE void closs_merge_at(__local closs_real *s, __local closs_real *c, uint at, uint behind) {
  const closs_pair pair = closs_merge_pairs(closs_make_pair(s[at], c[at]), closs_make_pair(s[behind], c[behind]));
  s[at] = pair.s;
  c[at] = pair.c;
}

/* The lanes of CLOSS_GROUP_CHUNKS chunks in local memory, each merged to its lane 0. Every work-item of the group comes
 * here. */
CLOSS_INLINE void closs_merge_local(__local closs_real *s, __local closs_real *c) {
  for (uint h = CLOSS_LANES / 2u; h > 0; h /= 2u) {
    barrier(CLK_LOCAL_MEM_FENCE);
    for (uint i = (uint)get_local_id(0); i < CLOSS_GROUP_CHUNKS * h; i += CLOSS_GROUP) {
      const uint at = i / h * CLOSS_LANES + i % h;
      closs_merge_at(s, c, at, at + h);
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
}

/* `count` pairs, of `most` at most, that lie `stride` apart: neighbours level by level, merged to the first. */
CLOSS_INLINE void closs_merge_neighbours(__local closs_real *s, __local closs_real *c, uint count, uint most,
                                         uint stride) {
  for (uint h = 1u; h < most; h *= 2u) {
    const uint i = (uint)get_local_id(0) * 2u * h;
    if (i + h < count) {
      closs_merge_at(s, c, i * stride, (i + h) * stride);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
}

/* Each of those chunks of a piece, for extend.cl; the lanes of an open one are left already. */
CLOSS_INLINE void closs_leave_chunks(const closs_pass_state *pass, uint chunk, uint end, __local const closs_real *s,
                                     __local const closs_real *c) {
  for (uint i = (uint)get_local_id(0); i < CLOSS_GROUP_CHUNKS && chunk + i < end; i += CLOSS_GROUP) {
    if (!closs_is_open(pass, chunk + i)) {
      closs_store_pair(pass->states, chunk + i, closs_make_pair(s[i * CLOSS_LANES], c[i * CLOSS_LANES]));
    }
  }
}

/* All windows of lanes of the chunk that is this work-item's, into local memory. */
CLOSS_INLINE void closs_run_windows(const closs_pass_state *pass, uint chunk, uint end, __local closs_real *s,
                                    __local closs_real *c) {
  for (uint window = (uint)get_local_id(0) % CLOSS_WINDOWS; window < CLOSS_WINDOWS; window += CLOSS_GROUP) {
    const uint first_lane = window * CLOSS_TILE_LANES;
    closs_lanes lanes;
    closs_lanes_clear(&lanes);
    if (chunk < end) {
      if (chunk == 0 && pass->head != 0) {
        closs_load_lanes(&lanes, pass->state, first_lane);
      }
      closs_chunk_rows(pass, chunk, first_lane, &lanes);
      if ((pass->terms.flags & CLOSS_FLAG_PIECE) && closs_is_open(pass, chunk)) {
        closs_store_lanes(&lanes, pass->states + 2 * ((size_t)chunk + first_lane));
      }
    }
    closs_tile tile_s, tile_c;
    closs_lanes_to_tiles(&lanes, &tile_s, &tile_c);
    const uint at = (uint)get_local_id(0) / CLOSS_WINDOWS * CLOSS_LANES + first_lane;
    for (uint j = 0; j < CLOSS_TILE_LANES; j++) {
      s[at + j] = tile_s.lane[j];
      c[at + j] = tile_c.lane[j];
    }
  }
}

CLOSS_INLINE void closs_run(const closs_pass_state *pass, __local closs_real *s, __local closs_real *c) {
  const uint flags = pass->terms.flags;
  const size_t group = get_group_id(0);
  if (pass->chunks == 0 || group > (pass->chunks - 1u) >> pass->span) {
    return; /* the whole group does */
  }
  const uint first = (uint)group << pass->span;
  const uint end = min(first + (1u << pass->span), pass->chunks);
  const bool leader = get_local_id(0) == 0;
  closs_stack stack;
  stack.top = 0;
  for (uint chunk = first; chunk < end; chunk += CLOSS_GROUP_CHUNKS) {
    closs_run_windows(pass, chunk + (uint)get_local_id(0) / CLOSS_WINDOWS, end, s, c);
    if (!(flags & CLOSS_FLAG_SUM)) {
      continue;
    }
    closs_merge_local(s, c);
    if (flags & CLOSS_FLAG_PIECE) {
      closs_leave_chunks(pass, chunk, end, s, c);
    } else {
      closs_merge_neighbours(s, c, min(end - chunk, CLOSS_GROUP_CHUNKS), CLOSS_GROUP_CHUNKS, CLOSS_LANES);
      if (leader) {
        closs_stack_push(&stack, (chunk - first) / CLOSS_GROUP_CHUNKS, closs_make_pair(s[0], c[0]));
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE); /* the next chunks' lanes take the place of these */
  }
  if (leader && (flags & CLOSS_FLAG_SUM) && !(flags & CLOSS_FLAG_PIECE)) {
    closs_leave_sum(pass, first, closs_stack_fold(&stack));
  }
}
