/* Rows of elements: loss and gradients of what a work-item has of a chunk. */

/* What is the same for all elements. */
typedef struct {
  uint flags;
  uint types;
  closs_real p;      /* the loss's parameter */
  closs_real r;      /* and its reciprocal */
  closs_real weight; /* CLOSS_FLAG_WEIGHT_SCALAR */
  closs_real k;      /* the scale of the gradients, unless the upstream gradient is an array; of terms of a sum 1 */
  uint reads;        /* tiles that are gathered, a bit each */
  uint writes;       /* tiles that are scattered */
#ifdef CLOSS_STORAGE
  uint streams; /* slots whose stores, if any, go past the cache, a bit each */
  bool aligned; /* all that is read and written lies at multiples of a vector's size */
#endif
} closs_terms;

#ifndef CLOSS_COMPLEX
/* Of a vector of elements: the term of the sum, which is the weighted loss or the gradient, and the scaled gradient. */
CLOSS_INLINE void closs_compute(const closs_terms *terms, closs_value d, closs_value w, closs_value k,
                                closs_value *term, closs_value *gradient) {
  closs_value slope;
  closs_element(d, terms->p, terms->r, term, &slope);
  if (terms->flags & (CLOSS_FLAG_WEIGHT_ARRAY | CLOSS_FLAG_WEIGHT_SCALAR)) {
    *term = *term * w;
    slope = slope * w;
  }
  *gradient = slope * k;
  if (terms->flags & CLOSS_FLAG_TERM_SLOPE) {
    *term = *gradient;
  }
}
#endif

/* From the operands' tiles to those of the results. */
CLOSS_INLINE void closs_compute_row(const closs_terms *terms, closs_tile *tiles, uint low, uint high) {
  const bool weights = (terms->flags & CLOSS_FLAG_WEIGHT_ARRAY) != 0;
  const bool scales = (terms->flags & CLOSS_FLAG_UPSTREAM_ARRAY) != 0;
#ifdef CLOSS_COMPLEX
  for (uint j = low; j < high; j++) {
    const closs_real w = weights ? tiles[CLOSS_TILE_W].lane[j] : terms->weight;
    const closs_real k = scales ? tiles[CLOSS_TILE_K].lane[j] : terms->k;
    closs_real a, b, value;
    closs_element_complex(tiles[CLOSS_TILE_X].lane[j] - tiles[CLOSS_TILE_Y].lane[j],
                          tiles[CLOSS_TILE_X_IMAGINARY].lane[j] - tiles[CLOSS_TILE_Y_IMAGINARY].lane[j], &value, &a,
                          &b);
    if (terms->flags & (CLOSS_FLAG_WEIGHT_ARRAY | CLOSS_FLAG_WEIGHT_SCALAR)) {
      value = value * w;
      a = a * w;
      b = b * w;
    }
    tiles[CLOSS_TILE_LOSS].lane[j] = terms->flags & CLOSS_FLAG_TERM_IMAGINARY ? b * k
                                     : terms->flags & CLOSS_FLAG_TERM_SLOPE   ? a * k
                                                                              : value;
    tiles[CLOSS_TILE_X].lane[j] = a * k;
    tiles[CLOSS_TILE_Y].lane[j] = -(a * k);
    tiles[CLOSS_TILE_X_IMAGINARY].lane[j] = b * k;
    tiles[CLOSS_TILE_Y_IMAGINARY].lane[j] = -(b * k);
  }
#else
  const bool gradients = (terms->flags & (CLOSS_FLAG_INPUT_GRADIENT | CLOSS_FLAG_TARGET_GRADIENT)) != 0;
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    closs_value value, gradient;
    const closs_value w = weights ? tiles[CLOSS_TILE_W].value[v] : (closs_value)(terms->weight);
    const closs_value k = scales ? tiles[CLOSS_TILE_K].value[v] : (closs_value)(terms->k);
    closs_compute(terms, tiles[CLOSS_TILE_X].value[v] - tiles[CLOSS_TILE_Y].value[v], w, k, &value, &gradient);
    tiles[CLOSS_TILE_LOSS].value[v] = value;
    if (gradients) {
      tiles[CLOSS_TILE_X].value[v] = gradient;
      tiles[CLOSS_TILE_Y].value[v] = -gradient;
    }
  }
#endif
}

/* The terms in lanes [low, high) of a tile; a missing term is +0. */
CLOSS_INLINE void closs_add_tile(closs_lanes *lanes, const closs_tile *tile, uint low, uint high) {
  closs_tile present;
  const bool whole = high - low == CLOSS_TILE_LANES;
  for (uint j = 0; !whole && j < CLOSS_TILE_LANES; j++) {
    present.lane[j] = j >= low && j < high ? tile->lane[j] : (closs_real)0;
  }
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    closs_add(&lanes->s[v], &lanes->c[v], whole ? tile->value[v] : present.value[v]);
  }
}

#ifdef CLOSS_STORAGE

#define CLOSS_GATHER(SLOT, BASE, PART, TILE)                                                                           \
  closs_gather_row(BASE, closs_origin(arrays, SLOT) + term, low, high, (TILE)->lane)
#define CLOSS_SCATTER(SLOT, BASE, PART, TILE, ACCUMULATE)                                                              \
  closs_scatter_row(BASE, closs_origin(arrays, SLOT) + term, low, high, (TILE)->lane, ACCUMULATE)
#define CLOSS_LOAD_VALUE(SLOT, BASE)                                                                                   \
  closs_load_vector(CLOSS_STORAGE, BASE, arrays->at[SLOT] + term + row * CLOSS_LANES + v * CLOSS_VALUE_WIDTH, way)
#define CLOSS_CURSOR_PARAMETERS
#define CLOSS_CURSOR_ARGUMENTS
#define CLOSS_PLAIN_PARAMETERS
#define CLOSS_PLAIN_ARGUMENT

#define CLOSS_STORE_VALUE(SLOT, BASE, VALUE, ACCUMULATE)                                                               \
  closs_add_vector(CLOSS_STORAGE, BASE, arrays->at[SLOT] + term + row * CLOSS_LANES + v * CLOSS_VALUE_WIDTH, VALUE,    \
                   ACCUMULATE, terms->streams & (1u << (SLOT)) ? CLOSS_STREAMED : way)
#define CLOSS_ROWS CLOSS_UNROLLED

#else

#define CLOSS_GATHER(SLOT, BASE, PART, TILE)                                                                           \
  closs_gather(layout, cursor, SLOT, CLOSS_TYPE(terms->types, SLOT), BASE, closs_origin(arrays, SLOT), PART, low,      \
               high, TILE)
#define CLOSS_SCATTER(SLOT, BASE, PART, TILE, ACCUMULATE)                                                              \
  closs_scatter(layout, cursor, SLOT, CLOSS_TYPE(terms->types, SLOT), BASE, closs_origin(arrays, SLOT), PART, low,     \
                high, TILE, ACCUMULATE, (terms->flags & CLOSS_FLAG_STREAM) != 0)
#define CLOSS_CURSOR_PARAMETERS , __global const closs_index *layout, closs_cursor *cursor
#define CLOSS_CURSOR_ARGUMENTS , layout, &cursor
#define CLOSS_PLAIN_PARAMETERS , const closs_cursor *cursor
#define CLOSS_PLAIN_ARGUMENT , cursor
#define CLOSS_LOAD_VALUE(SLOT, BASE) closs_cursor_plain(cursor, SLOT, BASE, arrays->at[SLOT], row, v)
#define CLOSS_STORE_VALUE(SLOT, BASE, VALUE, ACCUMULATE)                                                               \
  closs_cursor_store_plain(cursor, SLOT, BASE, arrays->at[SLOT], row, v, VALUE, ACCUMULATE,                            \
                           (flags & CLOSS_FLAG_STREAM) != 0)
#define CLOSS_ROWS CLOSS_ROLLED
#endif

#ifndef CLOSS_COMPLEX
/* What is read of a vector of elements. */
typedef struct {
  closs_value x, y, w, k;
} closs_operands;

/* Vector v of the row that is `row` rows behind the one whose first term is number `term`. */
CLOSS_INLINE closs_operands closs_load_operands(const closs_terms *terms, const closs_arrays *arrays, size_t term,
                                                uint row, uint v, uint way CLOSS_PLAIN_PARAMETERS) {
  closs_operands o = {CLOSS_VALUE(0), CLOSS_VALUE(0), (closs_value)(terms->weight), (closs_value)(terms->k)};
  if (terms->flags & CLOSS_FLAG_WEIGHT_ARRAY) {
    o.w = CLOSS_LOAD_VALUE(CLOSS_SLOT_WEIGHT, arrays->weight);
  }
  if (terms->flags & CLOSS_FLAG_TERM_WEIGHT) {
    return o;
  }
  o.x = CLOSS_LOAD_VALUE(CLOSS_SLOT_INPUT, arrays->input);
  o.y = CLOSS_LOAD_VALUE(CLOSS_SLOT_TARGET, arrays->target);
  if (terms->flags & CLOSS_FLAG_UPSTREAM_ARRAY) {
    o.k = CLOSS_LOAD_VALUE(CLOSS_SLOT_UPSTREAM, arrays->upstream);
  }
  return o;
}

/* Its terms of the sum, and what is stored of it. */
CLOSS_INLINE void closs_finish_vector(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint row,
                                      uint v, uint way, closs_operands o, closs_lanes *lanes CLOSS_PLAIN_PARAMETERS) {
  const uint flags = terms->flags;
  if (flags & CLOSS_FLAG_TERM_WEIGHT) {
    closs_add(&lanes->s[v], &lanes->c[v], o.w);
    return;
  }
  closs_value value, gradient;
  closs_compute(terms, o.x - o.y, o.w, o.k, &value, &gradient);
  if (flags & CLOSS_FLAG_SUM) {
    closs_add(&lanes->s[v], &lanes->c[v], value);
  }
  if (flags & CLOSS_FLAG_STORE_LOSS) {
    CLOSS_STORE_VALUE(CLOSS_SLOT_LOSS, arrays->loss, value, false);
  }
  if (flags & CLOSS_FLAG_INPUT_GRADIENT) {
    CLOSS_STORE_VALUE(CLOSS_SLOT_INPUT_GRADIENT, arrays->input_gradient, gradient,
                      (flags & CLOSS_FLAG_ACCUMULATE_INPUT) != 0);
  }
  if (flags & CLOSS_FLAG_TARGET_GRADIENT) {
    CLOSS_STORE_VALUE(CLOSS_SLOT_TARGET_GRADIENT, arrays->target_gradient, -gradient,
                      (flags & CLOSS_FLAG_ACCUMULATE_TARGET) != 0);
  }
}

/* A whole tile of terms, the first of them number `term`. */
CLOSS_INLINE void closs_full_row(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint way,
                                 closs_lanes *lanes CLOSS_PLAIN_PARAMETERS) {
  CLOSS_ROWS for (uint v = 0; v < CLOSS_VALUES; v++) {
    const closs_operands o = closs_load_operands(terms, arrays, term, 0u, v, way CLOSS_PLAIN_ARGUMENT);
    closs_finish_vector(terms, arrays, term, 0u, v, way, o, lanes CLOSS_PLAIN_ARGUMENT);
  }
}

#ifdef CLOSS_GROUP
/* The same of CLOSS_BATCH rows, which are loaded before the first is computed: GPUs wait for memory, and so for several
 * loads at once. Written out: to some compilers an array of what is loaded is memory. */
#define CLOSS_LOAD_ROW(row) closs_load_operands(terms, arrays, term, row, 0u, way CLOSS_PLAIN_ARGUMENT)
#define CLOSS_FINISH_ROW(row, o) closs_finish_vector(terms, arrays, term, row, 0u, way, o, lanes CLOSS_PLAIN_ARGUMENT)
CLOSS_INLINE void closs_full_batch(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint way,
                                   closs_lanes *lanes CLOSS_PLAIN_PARAMETERS) {
  const closs_operands a = CLOSS_LOAD_ROW(0u);
  const closs_operands b = CLOSS_LOAD_ROW(1u);
  CLOSS_FINISH_ROW(0u, a);
  CLOSS_FINISH_ROW(1u, b);
}
#define CLOSS_BATCH 2u
#define CLOSS_BATCH_REACH ((CLOSS_BATCH - 1u) * CLOSS_LANES + CLOSS_TILE_LANES) /* from its first term on */
#endif
#endif

/* Lanes [low, high) of a row, by way of tiles; term: the number of the first. */
CLOSS_INLINE void closs_tile_row(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint low, uint high,
                                 closs_tile *tiles, closs_lanes *lanes CLOSS_CURSOR_PARAMETERS) {
  const uint flags = terms->flags;
  CLOSS_ROLLED for (uint t = 0; t < CLOSS_TILES; t++) {
    if (terms->reads & (1u << t)) {
      CLOSS_GATHER(t & 3u, closs_operand(arrays, t & 3u), t >> 2, &tiles[t]);
    }
  }
  if (!(flags & CLOSS_FLAG_TERM_WEIGHT)) {
    closs_compute_row(terms, tiles, low, high);
  }
  CLOSS_ROLLED for (uint t = 0; t < CLOSS_TILES; t++) {
    if (terms->writes & (1u << t)) {
      const bool of_loss = t == CLOSS_TILE_LOSS;
      const bool of_input = (t & 1u) == 0;
      const uint slot = of_loss ? CLOSS_SLOT_LOSS : of_input ? CLOSS_SLOT_INPUT_GRADIENT : CLOSS_SLOT_TARGET_GRADIENT;
      __global uchar *base = of_loss ? arrays->loss : of_input ? arrays->input_gradient : arrays->target_gradient;
      const uint accumulate = of_loss ? 0u : of_input ? CLOSS_FLAG_ACCUMULATE_INPUT : CLOSS_FLAG_ACCUMULATE_TARGET;
      CLOSS_SCATTER(slot, base, t >> 2, &tiles[t], (flags & accumulate) != 0);
    }
  }
  if (flags & CLOSS_FLAG_SUM) {
    closs_add_tile(lanes, &tiles[CLOSS_TILE_LOSS], low, high);
  }
}

/* Which tiles the flags ask for. */
CLOSS_INLINE void closs_choose_tiles(closs_terms *terms) {
  const uint flags = terms->flags;
  terms->reads = closs_weight_tiles(flags) | (flags & CLOSS_FLAG_TERM_WEIGHT ? 0u : closs_operand_tiles(flags));
  terms->writes = flags & CLOSS_FLAG_STORE_LOSS ? 1u << CLOSS_TILE_LOSS : 0u;
  terms->writes |= flags & CLOSS_FLAG_INPUT_GRADIENT ? CLOSS_WITH_IMAGINARY << CLOSS_TILE_X : 0u;
  terms->writes |= flags & CLOSS_FLAG_TARGET_GRADIENT ? CLOSS_WITH_IMAGINARY << CLOSS_TILE_Y : 0u;
}

#ifndef CLOSS_COMPLEX
/* The slots of those tiles, a bit each. */
CLOSS_INLINE uint closs_slots(const closs_terms *terms) {
  const uint loss = (terms->writes >> CLOSS_TILE_LOSS & 1u) << CLOSS_SLOT_LOSS;
  return terms->reads | loss | (terms->writes >> CLOSS_TILE_X & 1u) << CLOSS_SLOT_INPUT_GRADIENT |
         (terms->writes >> CLOSS_TILE_Y & 1u) << CLOSS_SLOT_TARGET_GRADIENT;
}
#endif

#ifdef CLOSS_STORAGE
/* Of those slots the ones that have a vector at a multiple of its size wherever a whole row begins: a multiple of 64
 * terms after position 0 of a chunk. */
CLOSS_INLINE uint closs_aligned_slots(const closs_arrays *arrays, uint slots, uint head) {
  uint aligned = 0;
  CLOSS_UNROLLED for (uint slot = 0; slot < CLOSS_SLOTS; slot++) {
    if (slots & (1u << slot)) {
      aligned |= (uint)closs_is_aligned(CLOSS_STORAGE, closs_array(arrays, slot), arrays->at[slot] - head) << slot;
    }
  }
  return aligned;
}
#endif

/* All that a pass works on. */
typedef struct {
  closs_terms terms;
  closs_arrays arrays;
  closs_pair factor;                /* of a mean */
  __global closs_real *states;      /* where pairs are left */
  __global closs_real *factors;     /* of a mean over weights: reciprocal and sum of the weights */
  __global const closs_real *state; /* the lanes that a piece goes on from */
  uint before, chunks, head, last, span;
#ifndef CLOSS_STORAGE
  __global const closs_index *layout;
#endif
} closs_pass_state;

#ifdef CLOSS_STORAGE
/* The rows from position `at` on that are whole; gives the position behind them. */
CLOSS_INLINE uint closs_whole_rows(const closs_terms *terms, const closs_arrays *arrays, size_t chunk_term, uint at,
                                   uint stop, uint way, closs_lanes *lanes) {
#ifdef CLOSS_GROUP
  for (; at + CLOSS_BATCH_REACH <= stop; at += CLOSS_BATCH * CLOSS_LANES) {
    closs_full_batch(terms, arrays, chunk_term + at, way, lanes);
  }
#endif
  for (; at + CLOSS_TILE_LANES <= stop; at += CLOSS_LANES) {
    closs_full_row(terms, arrays, chunk_term + at, way, lanes);
  }
  return at;
}
#endif

/* Adds the terms of lanes [first_lane, first_lane + CLOSS_TILE_LANES) of a chunk to `lanes`, and stores what is wanted.
 */
CLOSS_INLINE void closs_chunk_rows(const closs_pass_state *pass, uint chunk, uint first_lane, closs_lanes *lanes) {
  const uint begin = chunk == 0 ? pass->head : 0u;
  const uint stop = chunk == pass->chunks - 1u ? pass->last : CLOSS_CHUNK;
  /* The number of the term at position 0; below 0 in a first chunk with a head. */
  const size_t chunk_term = ((size_t)pass->before + chunk) * CLOSS_CHUNK - pass->head;
  uint at = begin / CLOSS_LANES * CLOSS_LANES + first_lane; /* the position of the tile's first lane */
  if (at + CLOSS_TILE_LANES <= begin) {
    at += CLOSS_LANES;
  }
  if (at >= stop) {
    return;
  }
#ifndef CLOSS_COMPLEX
  /* Copies: what is looked at by slots that vary, as tiles do, is memory to some compilers, and these are registers. */
  const closs_terms terms = pass->terms;
  const closs_arrays arrays = pass->arrays;
#endif
  closs_tile tiles[CLOSS_TILES];
  closs_clear_tiles(tiles, pass->terms.weight);
#ifdef CLOSS_STORAGE
  for (; at < stop; at += CLOSS_LANES) {
    if (at >= begin) {
      at = terms.aligned ? closs_whole_rows(&terms, &arrays, chunk_term, at, stop, CLOSS_ALIGNED, lanes)
                         : closs_whole_rows(&terms, &arrays, chunk_term, at, stop, CLOSS_UNALIGNED, lanes);
      if (at >= stop) {
        return;
      }
    }
    const uint low = at < begin ? begin - at : 0u;
    const uint high = min(stop - at, (uint)CLOSS_TILE_LANES);
    closs_tile_row(&pass->terms, &pass->arrays, chunk_term + at + low, low, high, tiles, lanes);
  }
#else
  __global const closs_index *layout = pass->layout;
  closs_cursor cursor;
  closs_cursor_init(layout, pass->terms.types, CLOSS_SPACE_TERMS, &cursor);
  closs_cursor_go(layout, &cursor, (closs_unsigned_index)(chunk_term + max(at, begin)));
#ifndef CLOSS_COMPLEX
  const bool plain = (closs_slots(&pass->terms) & ~cursor.plain) == 0;
#endif
  while (at < stop) {
    const uint low = at < begin ? begin - at : 0u;
    const uint high = min(stop - at, (uint)CLOSS_TILE_LANES);
    uint rows = 1u;
#ifndef CLOSS_COMPLEX
#ifdef CLOSS_GROUP
    if (plain && at >= begin && at + CLOSS_BATCH_REACH <= stop && closs_cursor_in_run(&cursor, CLOSS_BATCH_REACH)) {
      rows = CLOSS_BATCH;
      closs_full_batch(&terms, &arrays, chunk_term + at, CLOSS_UNALIGNED, lanes, &cursor);
    } else
#endif
        if (plain && high - low == CLOSS_TILE_LANES && closs_cursor_in_run(&cursor, CLOSS_TILE_LANES)) {
      closs_full_row(&terms, &arrays, chunk_term + at, CLOSS_UNALIGNED, lanes, &cursor);
    } else
#endif
    {
      closs_tile_row(&pass->terms, &pass->arrays, chunk_term + at + low, low, high, tiles,
                     lanes CLOSS_CURSOR_ARGUMENTS);
    }
    closs_cursor_advance(layout, &cursor, rows * CLOSS_LANES - low); /* the next row has its first lane again */
    at += rows * CLOSS_LANES;
  }
#endif
}

/* Whether a chunk of this launch ends before its last position. */
CLOSS_INLINE bool closs_is_open(const closs_pass_state *pass, uint chunk) {
  return chunk == pass->chunks - 1u && pass->last < CLOSS_CHUNK;
}

/* What a work-item or work-group that did chunks [first, ...) leaves of their sum. */
CLOSS_INLINE void closs_leave_sum(const closs_pass_state *pass, uint first, closs_pair sum) {
  const closs_terms *terms = &pass->terms;
  if (terms->flags & CLOSS_FLAG_FINISH) {
    closs_store_sum(terms->flags, terms->types, sum, pass->factors, pass->factor, pass->arrays.loss,
                    pass->arrays.at[CLOSS_SLOT_LOSS]);
  } else {
    closs_store_pair(pass->states, first >> pass->span, sum);
  }
}
