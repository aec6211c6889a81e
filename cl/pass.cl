/*
 * The pass: every term once. The loss of each element or their sum, and the gradients of operands that are not
 * broadcast. Schedule lanes: a work-item does 2^span chunks, one after the other.
 */

/* What is the same for all elements. */
typedef struct {
  uint flags;
  uint types;
  closs_real p;      /* the loss's parameter */
  closs_real r;      /* and its reciprocal */
  closs_real weight; /* CLOSS_FLAG_WEIGHT_SCALAR */
  closs_real k;      /* the scale of the gradients, unless the upstream gradient is an array */
  uint reads;        /* tiles that are gathered, a bit each */
  uint writes;       /* tiles that are scattered */
} closs_terms;

#ifndef CLOSS_COMPLEX
/* Weighted loss and scaled gradient of a vector of elements. */
CLOSS_INLINE void closs_compute(const closs_terms *terms, closs_vector d, closs_vector w, closs_vector k,
                                closs_vector *value, closs_vector *gradient) {
  closs_vector slope;
  closs_element(d, terms->p, terms->r, value, &slope);
  if (terms->flags & (CLOSS_FLAG_WEIGHT_ARRAY | CLOSS_FLAG_WEIGHT_SCALAR)) {
    *value = *value * w;
    slope = slope * w;
  }
  *gradient = slope * k;
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
    tiles[CLOSS_TILE_LOSS].lane[j] = value;
    tiles[CLOSS_TILE_X].lane[j] = a * k;
    tiles[CLOSS_TILE_Y].lane[j] = -(a * k);
    tiles[CLOSS_TILE_X_IMAGINARY].lane[j] = b * k;
    tiles[CLOSS_TILE_Y_IMAGINARY].lane[j] = -(b * k);
  }
#else
  for (uint v = 0; v < CLOSS_VECTORS; v++) {
    closs_vector value, gradient;
    closs_compute(terms, tiles[CLOSS_TILE_X].vector[v] - tiles[CLOSS_TILE_Y].vector[v], tiles[CLOSS_TILE_W].vector[v],
                  tiles[CLOSS_TILE_K].vector[v], &value, &gradient);
    tiles[CLOSS_TILE_LOSS].vector[v] = value;
    tiles[CLOSS_TILE_X].vector[v] = gradient;
    tiles[CLOSS_TILE_Y].vector[v] = -gradient;
  }
#endif
}

/* The terms in lanes [low, high) of a tile; a missing term is +0. */
CLOSS_INLINE void closs_add_tile(closs_lanes *lanes, closs_tile *tile, uint low, uint high) {
  for (uint j = 0; j < CLOSS_LANES; j++) {
    tile->lane[j] = j >= low && j < high ? tile->lane[j] : (closs_real)0;
  }
  for (uint v = 0; v < CLOSS_VECTORS; v++) {
    closs_add(&lanes->s[v], &lanes->c[v], tile->vector[v]);
  }
}

#ifdef CLOSS_STORAGE

/* A row of CLOSS_LANES terms. `streams`: bits of the slots whose stores may go past the cache. */
CLOSS_INLINE void closs_full_row(const closs_terms *terms, const closs_arrays *arrays, size_t term, uint streams,
                                 closs_lanes *lanes) {
  const uint flags = terms->flags;
#pragma unroll
  for (uint v = 0; v < CLOSS_VECTORS; v++) {
    size_t i = term + v * CLOSS_WIDTH;
    closs_vector w = (closs_vector)(terms->weight), k = (closs_vector)(terms->k), value, gradient;
    if (flags & CLOSS_FLAG_WEIGHT_ARRAY) {
      w = closs_load_vector((__global const closs_stored *)arrays->weight + arrays->at[CLOSS_SLOT_WEIGHT] + i);
    }
    if (flags & CLOSS_FLAG_TERM_WEIGHT) {
      closs_add(&lanes->s[v], &lanes->c[v], w);
      continue;
    }
    closs_vector x = closs_load_vector((__global const closs_stored *)arrays->input + arrays->at[CLOSS_SLOT_INPUT] + i);
    closs_vector y =
        closs_load_vector((__global const closs_stored *)arrays->target + arrays->at[CLOSS_SLOT_TARGET] + i);
    if (flags & CLOSS_FLAG_UPSTREAM_ARRAY) {
      k = closs_load_vector((__global const closs_stored *)arrays->upstream + arrays->at[CLOSS_SLOT_UPSTREAM] + i);
    }
    closs_compute(terms, x - y, w, k, &value, &gradient);
    if (flags & CLOSS_FLAG_SUM) {
      closs_add(&lanes->s[v], &lanes->c[v], value);
    }
    if (flags & CLOSS_FLAG_STORE_LOSS) {
      closs_store_vector((__global closs_stored *)arrays->loss + arrays->at[CLOSS_SLOT_LOSS] + i, value,
                         streams & (1u << CLOSS_SLOT_LOSS));
    }
    if (flags & CLOSS_FLAG_INPUT_GRADIENT) {
      __global closs_stored *out =
          (__global closs_stored *)arrays->input_gradient + arrays->at[CLOSS_SLOT_INPUT_GRADIENT] + i;
      closs_store_vector(out, flags & CLOSS_FLAG_ACCUMULATE_INPUT ? closs_load_vector(out) + gradient : gradient,
                         streams & (1u << CLOSS_SLOT_INPUT_GRADIENT));
    }
    if (flags & CLOSS_FLAG_TARGET_GRADIENT) {
      __global closs_stored *out =
          (__global closs_stored *)arrays->target_gradient + arrays->at[CLOSS_SLOT_TARGET_GRADIENT] + i;
      closs_store_vector(out, flags & CLOSS_FLAG_ACCUMULATE_TARGET ? closs_load_vector(out) - gradient : -gradient,
                         streams & (1u << CLOSS_SLOT_TARGET_GRADIENT));
    }
  }
}

CLOSS_INLINE uint closs_streams(const closs_terms *terms, const closs_arrays *arrays) {
  if (!(terms->flags & CLOSS_FLAG_STREAM)) {
    return 0;
  }
  __global const closs_stored *loss = (__global const closs_stored *)arrays->loss + arrays->at[CLOSS_SLOT_LOSS];
  __global const closs_stored *input =
      (__global const closs_stored *)arrays->input_gradient + arrays->at[CLOSS_SLOT_INPUT_GRADIENT];
  __global const closs_stored *target =
      (__global const closs_stored *)arrays->target_gradient + arrays->at[CLOSS_SLOT_TARGET_GRADIENT];
  return (closs_can_stream(loss) ? 1u << CLOSS_SLOT_LOSS : 0u) |
         (closs_can_stream(input) ? 1u << CLOSS_SLOT_INPUT_GRADIENT : 0u) |
         (closs_can_stream(target) ? 1u << CLOSS_SLOT_TARGET_GRADIENT : 0u);
}

/* Lanes [low, high) of a row from or to an array, whose element `term` is the first of them. */
CLOSS_INLINE void closs_gather_row(__global const uchar *base, size_t term, uint low, uint high, closs_tile *tile) {
  for (uint j = low; j < high; j++) {
    tile->lane[j] = closs_load(CLOSS_STORAGE, base, term + (j - low));
  }
}

CLOSS_INLINE void closs_scatter_row(__global uchar *base, size_t term, uint low, uint high, const closs_tile *tile,
                                    bool accumulate) {
  for (uint j = low; j < high; j++) {
    closs_store_gradient(CLOSS_STORAGE, base, term + (j - low), 0u, tile->lane[j], accumulate);
  }
}
#define CLOSS_GATHER(SLOT, BASE, PART, TILE) closs_gather_row(BASE, arrays->at[SLOT] + term, low, high, TILE)
#define CLOSS_SCATTER(SLOT, BASE, PART, TILE, ACCUMULATE)                                                              \
  closs_scatter_row(BASE, arrays->at[SLOT] + term, low, high, TILE, ACCUMULATE)
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
  closs_walk_advance(layout, walk, high - low);
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

/*
 * chunks: of this launch; the first holds terms from position `head` on, the last up to position `last`.
 * A work-item leaves one pair at work[states_at]; a piece leaves a pair a chunk, and after them the lanes of a last
 * chunk that is not full.
 */
__kernel void closs_pass(__global const uchar *input, __global const uchar *target, __global const uchar *weight,
                         __global const uchar *upstream, __global uchar *loss, __global uchar *input_gradient,
                         __global uchar *target_gradient, __global closs_real *work_buffer,
                         __global const closs_real *state, __global const int *layout_buffer, uint input_low,
                         uint input_high, uint target_low, uint target_high, uint weight_low, uint weight_high,
                         uint upstream_low, uint upstream_high, uint loss_low, uint loss_high, uint input_gradient_low,
                         uint input_gradient_high, uint target_gradient_low, uint target_gradient_high, uint work_low,
                         uint work_high, uint state_low, uint state_high, uint states_at, uint factor_at, uint chunks,
                         uint head, uint last, uint span, uint flags, uint types, closs_real p, closs_real r,
                         closs_real g, closs_real factor_high, closs_real factor_low) {
#ifdef CLOSS_FLAGS
  flags = CLOSS_FLAGS;
#endif
  const uint item = (uint)get_global_id(0);
  const uint first = item << span;
  if (first >= chunks) {
    return;
  }
  const uint end = min(first + (1u << span), chunks);

  closs_arrays arrays;
  arrays.input = input;
  arrays.target = target;
  arrays.weight = weight;
  arrays.upstream = upstream;
  arrays.loss = loss;
  arrays.input_gradient = input_gradient;
  arrays.target_gradient = target_gradient;
  arrays.at[CLOSS_SLOT_INPUT] = closs_offset(input_low, input_high);
  arrays.at[CLOSS_SLOT_TARGET] = closs_offset(target_low, target_high);
  arrays.at[CLOSS_SLOT_WEIGHT] = closs_offset(weight_low, weight_high);
  arrays.at[CLOSS_SLOT_UPSTREAM] = closs_offset(upstream_low, upstream_high);
  arrays.at[CLOSS_SLOT_LOSS] = closs_offset(loss_low, loss_high);
  arrays.at[CLOSS_SLOT_INPUT_GRADIENT] = closs_offset(input_gradient_low, input_gradient_high);
  arrays.at[CLOSS_SLOT_TARGET_GRADIENT] = closs_offset(target_gradient_low, target_gradient_high);
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
  __global closs_real *states = work + states_at;

  closs_terms terms;
  terms.flags = flags;
  terms.types = types;
  terms.p = p;
  terms.r = r;
  terms.weight = closs_scalar_weight(flags, types, &arrays);
  const closs_pair factor = closs_mean_factor(flags, work + factor_at, factor_high, factor_low);
  g = closs_upstream(flags, types, upstream, arrays.at[CLOSS_SLOT_UPSTREAM], g);
  terms.k = closs_gradient_scale(flags, g, factor);
  closs_choose_tiles(&terms);
#ifdef CLOSS_STORAGE
  const uint streams = closs_streams(&terms, &arrays);
#else
  __global const closs_index *layout = (__global const closs_index *)layout_buffer;
#endif

  closs_stack stack;
  stack.top = 0;
  for (uint chunk = first; chunk < end; chunk++) {
    const uint begin = chunk == 0 ? head : 0u;
    const uint stop = chunk == chunks - 1u ? last : CLOSS_CHUNK;
    const size_t chunk_term =
        (size_t)chunk * CLOSS_CHUNK - head; /* of position 0; below 0 in a first chunk with a head */
    closs_lanes lanes;
    closs_lanes_clear(&lanes);
    if (begin != 0) {
      closs_load_lanes(&lanes, state + closs_offset(state_low, state_high));
    }
#ifndef CLOSS_STORAGE
    closs_walk walk = closs_walk_start(layout, CLOSS_SPACE_TERMS, (closs_unsigned_index)(chunk_term + begin));
#endif
    uint at = begin;
    while (at < stop) {
#ifdef CLOSS_STORAGE
      if (at % CLOSS_LANES == 0) {
        for (; at + CLOSS_LANES <= stop; at += CLOSS_LANES) {
          closs_full_row(&terms, &arrays, chunk_term + at, streams, &lanes);
        }
        if (at == stop) {
          break;
        }
      }
#endif
      const uint row = at / CLOSS_LANES * CLOSS_LANES;
      const uint high = min(stop - row, CLOSS_LANES);
      closs_tile_row(&terms, &arrays, chunk_term + at, at - row, high, &lanes CLOSS_WALK_ARGUMENTS);
      at = row + high;
    }
    if (!(flags & CLOSS_FLAG_SUM)) {
      continue;
    }
    if (flags & CLOSS_FLAG_PIECE) {
      if (stop < CLOSS_CHUNK) {
        closs_store_lanes(&lanes, states + 2u * chunk);
      } else {
        closs_pair pair = closs_merge_lanes(&lanes);
        states[2u * chunk] = pair.s;
        states[2u * chunk + 1u] = pair.c;
      }
    } else {
      closs_stack_push(&stack, chunk - first, closs_merge_lanes(&lanes));
    }
  }

  if ((flags & CLOSS_FLAG_SUM) && !(flags & CLOSS_FLAG_PIECE)) {
    closs_pair sum = closs_stack_fold(&stack);
    if (flags & CLOSS_FLAG_FINISH) {
      closs_store_sum(flags, types, sum, work + factor_at, factor, loss, arrays.at[CLOSS_SLOT_LOSS]);
    } else {
      states[2u * item] = sum.s;
      states[2u * item + 1u] = sum.c;
    }
  }
}
