/*
 * Sums by columns: the gradient of a broadcast operand is, for each of its elements, the sum of the slopes that it
 * takes part in. A work-item does 2^span chunks of one column, or of CLOSS_BLOCK neighbouring columns; it goes along
 * the dimension in which neighbours in memory are.
 */

/* The columns of a block. */
#if CLOSS_VALUE_WIDTH == 1
#define CLOSS_BLOCK_VALUES 1u
#else
#define CLOSS_BLOCK_VALUES CLOSS_BLOCK_VECTORS
#endif
#define CLOSS_BLOCK (CLOSS_BLOCK_VALUES * CLOSS_VALUE_WIDTH)

/* What a work-item works on. */
typedef struct {
  closs_pass_state pass;
  __global closs_real *states;
  __global uchar *gradient;
  size_t gradient_at;
  closs_real g;
  uint items, item; /* of a block; this one */
} closs_column_state;

/* The arrays, as they are for a column. */
CLOSS_INLINE void closs_column_start(closs_column_state *state, uint column) {
  closs_arrays *arrays = &state->pass.arrays;
  const closs_walk place = closs_walk_start(state->pass.layout, CLOSS_SPACE_COLUMNS, column);
  for (uint slot = 0; slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    arrays->at[slot] += (size_t)closs_walk_offset(state->pass.layout, CLOSS_SPACE_COLUMNS, &place, slot);
  }
}

/* The gradient's element, or a pair for merge.cl. */
CLOSS_INLINE void closs_column_finish(const closs_column_state *state, uint column, uint part, closs_pair sum) {
  const closs_terms *terms = &state->pass.terms;
  if (terms->flags & CLOSS_FLAG_FINISH) {
    closs_store_column(terms->flags, terms->types, sum, state->g, state->pass.factor, state->gradient,
                       state->gradient_at + closs_column_place(state->pass.layout, terms->flags, column), part);
  } else {
    closs_store_pair(state->states, ((size_t)column * CLOSS_COMPONENTS + part) * state->items + state->item, sum);
  }
}

/* One column: its 64 lanes at once. */
CLOSS_INLINE void closs_run_column(closs_column_state *state, uint column, uint first, uint end) {
  closs_pass_state *pass = &state->pass;
  closs_column_start(state, column);
  CLOSS_ROLLED for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
    closs_stack stack;
    stack.top = 0;
    pass->terms.flags |= part != 0 ? CLOSS_FLAG_TERM_IMAGINARY : 0u;
    for (uint chunk = first; chunk < end; chunk++) {
      closs_lanes lanes;
      closs_lanes_clear(&lanes);
      closs_chunk_rows(pass, chunk, 0u, &lanes);
      closs_stack_push(&stack, chunk - first, closs_merge_lanes(&lanes));
    }
    closs_column_finish(state, column, part, closs_stack_fold(&stack));
  }
}

#ifndef CLOSS_COMPLEX
/*
 * A block of columns: one lane of a chunk at a time, in the order that leaves two neighbours of the tree of lanes one
 * after the other, which is that of reversed bits. So lanes and chunks are one stack of blocks.
 */
#define CLOSS_BLOCK_LEVELS 38u /* 6 of lanes, 32 of chunks */
typedef struct {
  closs_value s[CLOSS_BLOCK_VALUES];
  closs_value c[CLOSS_BLOCK_VALUES];
} closs_block;

typedef struct {
  closs_block block[CLOSS_BLOCK_LEVELS];
  uint top;
} closs_block_stack;

CLOSS_INLINE uint closs_reversed_lane(uint i) {
  return (i & 1u) << 5 | (i & 2u) << 3 | (i & 4u) << 1 | (i & 8u) >> 1 | (i & 16u) >> 3 | (i & 32u) >> 5;
}

CLOSS_INLINE void closs_merge_blocks(closs_block *a, const closs_block *b) {
  for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
    closs_merge_value(&a->s[u], &a->c[u], b->s[u], b->c[u]);
  }
}

/* Takes up lane number `index`, counted over all chunks in order of reversed bits. Of a chunk of `stop` terms, lanes
 * beyond have none, and change nothing. */
CLOSS_INLINE void closs_push_lane(closs_block_stack *stack, uint index, uint stop, closs_block *lane) {
  uint first = index % CLOSS_LANES; /* of the lanes that are merged so far */
  for (uint size = 1u; index & size; size <<= 1) {
    closs_block *left = &stack->block[--stack->top];
    if (size >= CLOSS_LANES || closs_reversed_lane(first) < stop) {
      closs_merge_blocks(left, lane);
    }
    *lane = *left;
    first &= ~size;
  }
  stack->block[stack->top++] = *lane;
}

/* Vector u of the block, of the array of a slot; of fewer than a block's columns the rest is 0. */
CLOSS_INLINE closs_value closs_load_block(const closs_pass_state *pass, const closs_cursor *cursor, uint slot, uint u,
                                          uint count) {
  __global const uchar *base = closs_operand(&pass->arrays, slot);
  const uint type = CLOSS_TYPE(pass->terms.types, slot), from = u * CLOSS_VALUE_WIDTH;
  if (from + CLOSS_VALUE_WIDTH <= count) {
    return closs_cursor_load(cursor, slot, type, base, pass->arrays.at[slot], u);
  }
  closs_tile tile;
  tile.value[0] = CLOSS_VALUE(0);
  for (uint j = from; j < count; j++) {
    tile.lane[j - from] = closs_load(
        type, base, pass->arrays.at[slot] + (size_t)(cursor->offset[slot] + (closs_index)j * cursor->stride[slot]));
  }
  return tile.value[0];
}

/* Adds the term at the cursor of each of `count` columns. plain: a whole block, of arrays that are all plain. */
CLOSS_INLINE void closs_add_block(const closs_pass_state *pass, const closs_cursor *cursor, uint count, bool plain,
                                  closs_block *lane) {
  const closs_terms *terms = &pass->terms;
  if (plain) {
    CLOSS_UNROLLED for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
      closs_value value, gradient;
      const closs_operands o = closs_load_operands(terms, &pass->arrays, 0, 0, u, CLOSS_UNALIGNED, cursor);
      closs_compute(terms, o.x - o.y, o.w, o.k, &value, &gradient);
      closs_add(&lane->s[u], &lane->c[u], gradient);
    }
    return;
  }
  closs_value read[CLOSS_TILES][CLOSS_BLOCK_VALUES]; /* by slot */
  CLOSS_ROLLED for (uint slot = 0; slot < CLOSS_TILES; slot++) {
    if (terms->reads & (1u << slot)) {
      CLOSS_ROLLED for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
        read[slot][u] = closs_load_block(pass, cursor, slot, u, count);
      }
    }
  }
  for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
    const closs_value w = terms->flags & CLOSS_FLAG_WEIGHT_ARRAY ? read[CLOSS_TILE_W][u] : (closs_value)(terms->weight);
    const closs_value k = terms->flags & CLOSS_FLAG_UPSTREAM_ARRAY ? read[CLOSS_TILE_K][u] : (closs_value)(terms->k);
    closs_value value, gradient;
    closs_compute(terms, read[CLOSS_TILE_X][u] - read[CLOSS_TILE_Y][u], w, k, &value, &gradient);
    closs_add(&lane->s[u], &lane->c[u], gradient);
  }
}

/* `count` columns from `column` on. */
CLOSS_INLINE void closs_run_block(closs_column_state *state, uint column, uint count, uint first, uint end) {
  const closs_pass_state *pass = &state->pass;
  closs_block_stack stack;
  closs_cursor cursor;
  stack.top = 0;
  closs_column_start(state, column);
  closs_cursor_init(pass->layout, pass->terms.types, CLOSS_SPACE_COLUMNS, &cursor);
  const bool plain = count == CLOSS_BLOCK && (closs_slots(&pass->terms) & ~cursor.plain) == 0;
  for (uint chunk = first; chunk < end; chunk++) {
    const uint stop = chunk == pass->chunks - 1u ? pass->last : CLOSS_CHUNK;
    for (uint i = 0; i < CLOSS_LANES; i++) {
      closs_block lane;
      for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
        lane.s[u] = lane.c[u] = CLOSS_VALUE(0);
      }
      uint at = closs_reversed_lane(i);
      if (at < stop) {
        const closs_unsigned_index begin = (closs_unsigned_index)chunk * CLOSS_CHUNK;
        closs_cursor_go(pass->layout, &cursor, begin + at);
        closs_add_block(pass, &cursor, count, plain, &lane);
        for (at += CLOSS_LANES; at < stop; at += CLOSS_LANES) {
          if (!closs_cursor_step(&cursor, CLOSS_LANES)) {
            closs_cursor_go(pass->layout, &cursor, begin + at);
          }
          closs_add_block(pass, &cursor, count, plain, &lane);
        }
      }
      closs_push_lane(&stack, (chunk - first) * CLOSS_LANES + i, stop, &lane);
    }
  }
  for (; stack.top > 1u; stack.top--) {
    closs_merge_blocks(&stack.block[stack.top - 2u], &stack.block[stack.top - 1u]);
  }
  for (uint u = 0; u < CLOSS_BLOCK_VALUES; u++) {
    closs_tile s, c;
    s.value[0] = stack.block[0].s[u];
    c.value[0] = stack.block[0].c[u];
    for (uint j = 0; j < CLOSS_VALUE_WIDTH && u * CLOSS_VALUE_WIDTH + j < count; j++) {
      closs_column_finish(state, column + u * CLOSS_VALUE_WIDTH + j, 0u, closs_make_pair(s.lane[j], c.lane[j]));
    }
  }
}
#endif

__kernel void closs_columns(__global const uchar *input, __global const uchar *target, __global const uchar *weight,
                            __global const uchar *upstream, __global uchar *gradient, __global closs_real *work_buffer,
                            __global const int *layout_buffer, uint input_low, uint input_high, uint target_low,
                            uint target_high, uint weight_low, uint weight_high, uint upstream_low, uint upstream_high,
                            uint gradient_low, uint gradient_high, uint work_low, uint work_high, uint states_at,
                            uint factor_at, uint columns, uint items, uint chunks, uint last, uint span, uint flags,
                            uint types, closs_real p, closs_real r, closs_real g, closs_real factor_high,
                            closs_real factor_low) {
  __global const closs_index *layout = (__global const closs_index *)layout_buffer;
  /* The columns of a block lie along the innermost dimension of columns. */
  const uint block = flags & CLOSS_FLAG_COLUMN_BLOCKS ? CLOSS_BLOCK : 1u;
  const uint row = block == 1u ? 1u : (uint)CLOSS_SIZE(layout, CLOSS_SPACE_COLUMNS, 0u);
  const uint blocks = (row - 1u) / block + 1u; /* of a row of columns */
  /* One work-item of `items` a block; together they may be more than an index holds. */
  CLOSS_ITEMS_BEGIN(id, (size_t)(columns / row) * blocks * items)
  closs_column_state state;
  closs_pass_state *pass = &state.pass;
  closs_arrays *arrays = &pass->arrays;
  closs_terms *terms = &pass->terms;
  pass->layout = layout;
  const uint number = (uint)(id / items);
  const uint begin = number % blocks * block;
  const size_t column = (size_t)(number / blocks) * row + begin;
  state.item = (uint)(id - (size_t)number * items);
  arrays->input = input;
  arrays->target = target;
  arrays->weight = weight;
  arrays->upstream = upstream;
  arrays->at[CLOSS_SLOT_INPUT] = closs_offset(input_low, input_high);
  arrays->at[CLOSS_SLOT_TARGET] = closs_offset(target_low, target_high);
  arrays->at[CLOSS_SLOT_WEIGHT] = closs_offset(weight_low, weight_high);
  arrays->at[CLOSS_SLOT_UPSTREAM] = closs_offset(upstream_low, upstream_high);
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
  state.states = work + states_at;
  state.gradient = gradient;
  state.gradient_at = closs_offset(gradient_low, gradient_high);
  state.g = closs_upstream(flags, types, upstream, arrays->at[CLOSS_SLOT_UPSTREAM], g);
  state.items = items;
  terms->flags = flags;
  terms->types = types;
  terms->p = p;
  terms->r = r;
  terms->weight = closs_scalar_weight(flags, types, arrays);
  terms->k = flags & CLOSS_FLAG_TERM_SCALED ? state.g : (closs_real)1;
  closs_choose_tiles(terms);
  pass->factor = closs_mean_factor(flags, work + factor_at, factor_high, factor_low);
  pass->before = 0;
  pass->chunks = chunks;
  pass->head = 0;
  pass->last = last;
  pass->span = span;
  const uint first = state.item << span;
  const uint end = min(first + (1u << span), chunks);
#ifndef CLOSS_COMPLEX
  if (flags & CLOSS_FLAG_COLUMN_BLOCKS) {
    closs_run_block(&state, (uint)column, min(row - begin, block), first, end);
  } else
#endif
  {
    closs_run_column(&state, (uint)column, first, end);
  }
  CLOSS_ITEMS_END
}
