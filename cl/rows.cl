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
#ifdef CLOSS_COMPLEX
  for (uint j = low; j < high; j++) {
    const closs_real w = tiles[CLOSS_TILE_W].lane[j], k = tiles[CLOSS_TILE_K].lane[j];
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
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    closs_value value, gradient;
    closs_compute(terms, tiles[CLOSS_TILE_X].value[v] - tiles[CLOSS_TILE_Y].value[v], tiles[CLOSS_TILE_W].value[v],
                  tiles[CLOSS_TILE_K].value[v], &value, &gradient);
    tiles[CLOSS_TILE_LOSS].value[v] = value;
    tiles[CLOSS_TILE_X].value[v] = gradient;
    tiles[CLOSS_TILE_Y].value[v] = -gradient;
  }
#endif
}

/* The terms in lanes [low, high) of a tile; a missing term is +0. */
CLOSS_INLINE void closs_add_tile(closs_lanes *lanes, closs_tile *tile, uint low, uint high) {
  for (uint j = 0; j < CLOSS_TILE_LANES; j++) {
    tile->lane[j] = j >= low && j < high ? tile->lane[j] : (closs_real)0;
  }
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    closs_add(&lanes->s[v], &lanes->c[v], tile->value[v]);
  }
}

#ifdef CLOSS_STORAGE

/* A whole tile of terms. `streams`: bits of the slots whose stores may go past the cache. */
CLOSS_INLINE void closs_full_row(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint streams,
                                 closs_lanes *lanes) {
  const uint flags = terms->flags;
#pragma unroll
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    size_t i = term + v * CLOSS_VALUE_WIDTH;
    closs_value w = (closs_value)(terms->weight), k = (closs_value)(terms->k), value, gradient;
    if (flags & CLOSS_FLAG_WEIGHT_ARRAY) {
      w = closs_load_value((__global const closs_stored *)arrays->weight + arrays->at[CLOSS_SLOT_WEIGHT] + i);
    }
    if (flags & CLOSS_FLAG_TERM_WEIGHT) {
      closs_add(&lanes->s[v], &lanes->c[v], w);
      continue;
    }
    closs_value x = closs_load_value((__global const closs_stored *)arrays->input + arrays->at[CLOSS_SLOT_INPUT] + i);
    closs_value y = closs_load_value((__global const closs_stored *)arrays->target + arrays->at[CLOSS_SLOT_TARGET] + i);
    if (flags & CLOSS_FLAG_UPSTREAM_ARRAY) {
      k = closs_load_value((__global const closs_stored *)arrays->upstream + arrays->at[CLOSS_SLOT_UPSTREAM] + i);
    }
    closs_compute(terms, x - y, w, k, &value, &gradient);
    if (flags & CLOSS_FLAG_SUM) {
      closs_add(&lanes->s[v], &lanes->c[v], value);
    }
    if (flags & CLOSS_FLAG_STORE_LOSS) {
      closs_store_value((__global closs_stored *)arrays->loss + arrays->at[CLOSS_SLOT_LOSS] + i, value,
                        streams & (1u << CLOSS_SLOT_LOSS));
    }
    if (flags & CLOSS_FLAG_INPUT_GRADIENT) {
      __global closs_stored *out =
          (__global closs_stored *)arrays->input_gradient + arrays->at[CLOSS_SLOT_INPUT_GRADIENT] + i;
      closs_store_value(out, flags & CLOSS_FLAG_ACCUMULATE_INPUT ? closs_load_value(out) + gradient : gradient,
                        streams & (1u << CLOSS_SLOT_INPUT_GRADIENT));
    }
    if (flags & CLOSS_FLAG_TARGET_GRADIENT) {
      __global closs_stored *out =
          (__global closs_stored *)arrays->target_gradient + arrays->at[CLOSS_SLOT_TARGET_GRADIENT] + i;
      closs_store_value(out, flags & CLOSS_FLAG_ACCUMULATE_TARGET ? closs_load_value(out) - gradient : -gradient,
                        streams & (1u << CLOSS_SLOT_TARGET_GRADIENT));
    }
  }
}

/* Which slots' stores may go past the cache: whole rows begin a multiple of 64 terms after position 0 of a chunk. */
CLOSS_INLINE uint closs_streams(const closs_terms *terms, const closs_arrays *arrays, uint head) {
  if (!(terms->flags & CLOSS_FLAG_STREAM)) {
    return 0;
  }
  __global const closs_stored *loss =
      (__global const closs_stored *)arrays->loss + (arrays->at[CLOSS_SLOT_LOSS] - head);
  __global const closs_stored *input =
      (__global const closs_stored *)arrays->input_gradient + (arrays->at[CLOSS_SLOT_INPUT_GRADIENT] - head);
  __global const closs_stored *target =
      (__global const closs_stored *)arrays->target_gradient + (arrays->at[CLOSS_SLOT_TARGET_GRADIENT] - head);
  return (closs_can_stream(loss) ? 1u << CLOSS_SLOT_LOSS : 0u) |
         (closs_can_stream(input) ? 1u << CLOSS_SLOT_INPUT_GRADIENT : 0u) |
         (closs_can_stream(target) ? 1u << CLOSS_SLOT_TARGET_GRADIENT : 0u);
}

#define CLOSS_GATHER(SLOT, BASE, PART, TILE) closs_gather_row(BASE, arrays->at[SLOT] + term, low, high, (TILE)->lane)
#define CLOSS_SCATTER(SLOT, BASE, PART, TILE, ACCUMULATE)                                                              \
  closs_scatter_row(BASE, arrays->at[SLOT] + term, low, high, (TILE)->lane, ACCUMULATE)
#define CLOSS_WALK_PARAMETERS
#define CLOSS_WALK_ARGUMENTS

#else

#define CLOSS_GATHER(SLOT, BASE, PART, TILE)                                                                           \
  closs_gather(layout, *walk, SLOT, CLOSS_TYPE(terms->types, SLOT), BASE, arrays->at[SLOT], PART, low, high, TILE)
#define CLOSS_SCATTER(SLOT, BASE, PART, TILE, ACCUMULATE)                                                              \
  closs_scatter(layout, *walk, SLOT, CLOSS_TYPE(terms->types, SLOT), BASE, arrays->at[SLOT], PART, low, high, TILE,    \
                ACCUMULATE)
#define CLOSS_WALK_PARAMETERS , __global const closs_index *layout, closs_walk *walk
#define CLOSS_WALK_ARGUMENTS , layout, &walk
#endif

/* Lanes [low, high) of a row, by way of tiles; term: the number of the first. */
CLOSS_INLINE void closs_tile_row(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint low, uint high,
                                 closs_lanes *lanes CLOSS_WALK_PARAMETERS) {
  const uint flags = terms->flags;
  closs_tile tiles[CLOSS_TILES];
  closs_clear_tiles(tiles, terms->weight, terms->k);
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
#ifndef CLOSS_STORAGE
  closs_walk_advance(layout, walk, CLOSS_LANES - low); /* the next row has its first lane again */
#endif
}

/* Which tiles the flags ask for. */
CLOSS_INLINE void closs_choose_tiles(closs_terms *terms) {
  const uint flags = terms->flags;
  terms->reads = closs_weight_tiles(flags) | (flags & CLOSS_FLAG_TERM_WEIGHT ? 0u : closs_operand_tiles(flags));
  terms->writes = flags & CLOSS_FLAG_STORE_LOSS ? 1u << CLOSS_TILE_LOSS : 0u;
  terms->writes |= flags & CLOSS_FLAG_INPUT_GRADIENT ? CLOSS_WITH_IMAGINARY << CLOSS_TILE_X : 0u;
  terms->writes |= flags & CLOSS_FLAG_TARGET_GRADIENT ? CLOSS_WITH_IMAGINARY << CLOSS_TILE_Y : 0u;
}

/* All that a pass works on. */
typedef struct {
  closs_terms terms;
  closs_arrays arrays;
  closs_pair factor;                /* of a mean */
  __global closs_real *states;      /* where pairs are left */
  __global closs_real *factors;     /* of a mean over weights: reciprocal and sum of the weights */
  __global const closs_real *state; /* the lanes that a piece goes on from */
  uint chunks, head, last, span;
#ifdef CLOSS_STORAGE
  uint streams;
#else
  __global const closs_index *layout;
#endif
} closs_pass_state;

/* Adds the terms of lanes [first_lane, first_lane + CLOSS_TILE_LANES) of a chunk to `lanes`, and stores what is wanted.
 */
CLOSS_INLINE void closs_chunk_rows(const closs_pass_state *pass, uint chunk, uint first_lane, closs_lanes *lanes) {
  const uint begin = chunk == 0 ? pass->head : 0u;
  const uint stop = chunk == pass->chunks - 1u ? pass->last : CLOSS_CHUNK;
  /* The number of the term at position 0; below 0 in a first chunk with a head. */
  const size_t chunk_term = (size_t)chunk * CLOSS_CHUNK - pass->head;
  uint at = begin / CLOSS_LANES * CLOSS_LANES + first_lane; /* the position of the tile's first lane */
  if (at + CLOSS_TILE_LANES <= begin) {
    at += CLOSS_LANES;
  }
  if (at >= stop) {
    return;
  }
#ifndef CLOSS_STORAGE
  __global const closs_index *layout = pass->layout;
  closs_walk walk = closs_walk_start(layout, CLOSS_SPACE_TERMS, (closs_unsigned_index)(chunk_term + max(at, begin)));
#endif
  for (; at < stop; at += CLOSS_LANES) {
#ifdef CLOSS_STORAGE
    if (at >= begin) {
      for (; at + CLOSS_TILE_LANES <= stop; at += CLOSS_LANES) {
        closs_full_row(&pass->terms, &pass->arrays, chunk_term + at, pass->streams, lanes);
      }
      if (at >= stop) {
        return;
      }
    }
#endif
    const uint low = at < begin ? begin - at : 0u;
    const uint high = min(stop - at, (uint)CLOSS_TILE_LANES);
    closs_tile_row(&pass->terms, &pass->arrays, chunk_term + at + low, low, high, lanes CLOSS_WALK_ARGUMENTS);
  }
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
