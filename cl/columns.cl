/*
 * Sums by columns: the gradient of a broadcast operand is, for each of its elements, the sum of the slopes that it
 * takes part in. A work-item does 2^span chunks of one column.
 */

/* The terms of a row, in the tiles of the operand: slope, times weight, times upstream gradient where the loss is not
 * reduced. */
CLOSS_INLINE void closs_slopes(uint flags, closs_real p, closs_real r, closs_tile *tiles, uint high) {
#ifdef CLOSS_COMPLEX
  for (uint j = 0; j < high; j++) {
    closs_real value;
    closs_element_complex(tiles[CLOSS_TILE_X].lane[j] - tiles[CLOSS_TILE_Y].lane[j],
                          tiles[CLOSS_TILE_X_IMAGINARY].lane[j] - tiles[CLOSS_TILE_Y_IMAGINARY].lane[j], &value,
                          &tiles[CLOSS_TILE_X].lane[j], &tiles[CLOSS_TILE_X_IMAGINARY].lane[j]);
  }
#else
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    closs_value value, slope;
    closs_element(tiles[CLOSS_TILE_X].value[v] - tiles[CLOSS_TILE_Y].value[v], p, r, &value, &slope);
    tiles[CLOSS_TILE_X].value[v] = slope;
  }
#endif
  for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
    for (uint v = 0; v < CLOSS_VALUES; v++) {
      closs_value term = tiles[4u * part].value[v];
      if (flags & (CLOSS_FLAG_WEIGHT_ARRAY | CLOSS_FLAG_WEIGHT_SCALAR)) {
        term = term * tiles[CLOSS_TILE_W].value[v];
      }
      if (flags & CLOSS_FLAG_TERM_SCALED) {
        term = term * tiles[CLOSS_TILE_K].value[v];
      }
      tiles[4u * part].value[v] = term;
    }
    for (uint j = high; j < CLOSS_LANES; j++) {
      tiles[4u * part].lane[j] = 0;
    }
  }
}

/* The terms of one chunk of a column, up to position `stop`. */
CLOSS_INLINE void closs_column_chunk(const closs_terms *terms, const closs_arrays *arrays,
                                     __global const closs_index *layout, uint chunk, uint stop, closs_lanes *lanes) {
  for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
    closs_lanes_clear(&lanes[part]);
  }
  closs_walk walk = closs_walk_start(layout, CLOSS_SPACE_TERMS, (closs_unsigned_index)chunk * CLOSS_CHUNK);
  for (uint row = 0; row < stop; row += CLOSS_LANES) {
    const uint high = min(stop - row, CLOSS_LANES);
    closs_tile tiles[CLOSS_TILES];
    closs_clear_tiles(tiles, terms->weight, terms->k);
    CLOSS_ROLLED for (uint t = 0; t < CLOSS_TILES; t++) {
      if (terms->reads & (1u << t)) {
        const uint slot = t & 3u;
        closs_gather(layout, walk, slot, CLOSS_TYPE(terms->types, slot), closs_operand(arrays, slot), arrays->at[slot],
                     t >> 2, 0u, high, &tiles[t]);
      }
    }
    closs_slopes(terms->flags, terms->p, terms->r, tiles, high);
    for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
      for (uint v = 0; v < CLOSS_VALUES; v++) {
        closs_add(&lanes[part].s[v], &lanes[part].c[v], tiles[4u * part].value[v]);
      }
    }
    closs_walk_advance(layout, &walk, high);
  }
}

__kernel void closs_columns(__global const uchar *input, __global const uchar *target, __global const uchar *weight,
                            __global const uchar *upstream, __global uchar *gradient, __global closs_real *work_buffer,
                            __global const int *layout_buffer, uint input_low, uint input_high, uint target_low,
                            uint target_high, uint weight_low, uint weight_high, uint upstream_low, uint upstream_high,
                            uint gradient_low, uint gradient_high, uint work_low, uint work_high, uint states_at,
                            uint factor_at, uint columns, uint items, uint chunks, uint last, uint span, uint flags,
                            uint types, closs_real p, closs_real r, closs_real g, closs_real factor_high,
                            closs_real factor_low) {
  __global const closs_index *layout = (__global const closs_index *)layout_buffer;
  /* One work-item of `items` a column; together they may be more than an index holds. */
  CLOSS_ITEMS_BEGIN(id, (size_t)columns * items)
  const uint column = (uint)(id / items);
  const uint item = (uint)(id - (size_t)column * items);
  __global closs_real *work = work_buffer + closs_offset(work_low, work_high);
  g = closs_upstream(flags, types, upstream, closs_offset(upstream_low, upstream_high), g);
  const uint first = item << span;
  const uint end = min(first + (1u << span), chunks);

  const closs_walk place = closs_walk_start(layout, CLOSS_SPACE_COLUMNS, column);
  closs_arrays arrays;
  arrays.input = input;
  arrays.target = target;
  arrays.weight = weight;
  arrays.upstream = upstream;
  arrays.at[CLOSS_SLOT_INPUT] = closs_offset(input_low, input_high);
  arrays.at[CLOSS_SLOT_TARGET] = closs_offset(target_low, target_high);
  arrays.at[CLOSS_SLOT_WEIGHT] = closs_offset(weight_low, weight_high);
  arrays.at[CLOSS_SLOT_UPSTREAM] = closs_offset(upstream_low, upstream_high);
  for (uint slot = 0; slot <= CLOSS_SLOT_UPSTREAM; slot++) {
    arrays.at[slot] += (size_t)closs_walk_offset(layout, CLOSS_SPACE_COLUMNS, &place, slot);
  }
  closs_terms terms;
  terms.flags = flags;
  terms.types = types;
  terms.p = p;
  terms.r = r;
  terms.weight = closs_scalar_weight(flags, types, &arrays);
  terms.k = g;
  terms.reads = closs_weight_tiles(flags) | closs_operand_tiles(flags);

  closs_stack stack[CLOSS_COMPONENTS];
  for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
    stack[part].top = 0;
  }
  for (uint chunk = first; chunk < end; chunk++) {
    closs_lanes lanes[CLOSS_COMPONENTS];
    closs_column_chunk(&terms, &arrays, layout, chunk, chunk == chunks - 1u ? last : CLOSS_CHUNK, lanes);
    for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
      closs_stack_push(&stack[part], chunk - first, closs_merge_lanes(&lanes[part]));
    }
  }

  const closs_pair factor = closs_mean_factor(flags, work + factor_at, factor_high, factor_low);
  for (uint part = 0; part < CLOSS_COMPONENTS; part++) {
    closs_pair sum = closs_stack_fold(&stack[part]);
    if (flags & CLOSS_FLAG_FINISH) {
      closs_store_column(flags, types, sum, flags & CLOSS_FLAG_TERM_SCALED ? 1 : closs_gradient_scale(flags, g, factor),
                         gradient,
                         closs_offset(gradient_low, gradient_high) +
                             (size_t)closs_walk_offset(layout, CLOSS_SPACE_COLUMNS, &place,
                                                       flags & CLOSS_FLAG_COLUMN_TARGET ? CLOSS_SLOT_TARGET_GRADIENT
                                                                                        : CLOSS_SLOT_INPUT_GRADIENT),
                         part);
    } else {
      closs_store_pair(work + states_at, ((size_t)column * CLOSS_COMPONENTS + part) * items + item, sum);
    }
  }
  CLOSS_ITEMS_END
}
