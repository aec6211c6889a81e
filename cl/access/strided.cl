/*
 * Strided access: any types and strides. A row of terms is gathered into a tile, or scattered from one, by counters
 * that go along with the terms; nothing is divided per element.
 */

/*
 * What is kept by dimension or by slot. GPUs keep it in registers only where no index varies: their loops over
 * dimensions are written out, and a slot's number is picked by selection.
 */
#ifdef CLOSS_GROUP
#define CLOSS_DIMENSIONS(d, rank) CLOSS_UNROLLED for (uint d = 0; d < CLOSS_MAX_RANK; d++) if (d < (rank))
#else
#define CLOSS_DIMENSIONS(d, rank) CLOSS_ROLLED for (uint d = 0; d < (rank); d++)
#endif
CLOSS_INLINE closs_index closs_pick(const closs_index *of_slots, uint slot) {
#ifdef CLOSS_GROUP
  closs_index picked = of_slots[0];
  CLOSS_UNROLLED for (uint i = 1; i < CLOSS_SLOTS; i++) {
    /* Read in any case: of a choice between two elements some compilers make one of an index that varies. */
    const closs_index value = of_slots[i];
    picked = i == slot ? value : picked;
  }
  return picked;
#else
  return of_slots[slot];
#endif
}

typedef struct {
  closs_index at[CLOSS_MAX_RANK];
} closs_walk;

CLOSS_INLINE closs_walk closs_walk_start(__global const closs_index *layout, uint space, closs_unsigned_index number) {
  closs_walk walk;
  const uint rank = CLOSS_RANK(layout, space);
  CLOSS_DIMENSIONS(d, rank) {
    walk.at[d] = (closs_index)number;
    if (d + 1u < rank) {
      const closs_unsigned_index size = (closs_unsigned_index)CLOSS_SIZE(layout, space, d), next = number / size;
      walk.at[d] = (closs_index)(number - next * size);
      number = next;
    }
  }
  return walk;
}

/* Where the walk is in the array of a slot. */
CLOSS_INLINE closs_index closs_walk_offset(__global const closs_index *layout, uint space, const closs_walk *walk,
                                           uint slot) {
  closs_index offset = 0;
  CLOSS_DIMENSIONS(d, CLOSS_RANK(layout, space)) {
    offset += walk->at[d] * CLOSS_STRIDE(layout, space, slot, d);
  }
  return offset;
}

/* The innermost dimension is at its end: on to its next start. Gives the slot's offset there. */
CLOSS_INLINE closs_index closs_walk_carry(__global const closs_index *layout, closs_walk *walk, uint slot,
                                          closs_index offset) {
  offset -= walk->at[0] * CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
  walk->at[0] = 0;
  bool carry = true;
  CLOSS_DIMENSIONS(d, CLOSS_RANK(layout, CLOSS_SPACE_TERMS)) {
    if (d > 0 && carry) {
      const closs_index size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, d);
      const closs_index stride = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, d);
      offset += stride;
      walk->at[d]++;
      carry = walk->at[d] == size;
      offset -= carry ? size * stride : 0;
      walk->at[d] = carry ? 0 : walk->at[d];
    }
#ifndef CLOSS_GROUP /* where the loop is written out, nothing ends it */
    if (!carry) {
      break;
    }
#endif
  }
  return offset;
}

/* On by `count` terms. */
CLOSS_INLINE void closs_walk_advance(__global const closs_index *layout, closs_walk *walk, uint count) {
  const closs_index size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, 0u);
  while (count > 0) {
    uint run = (uint)min((closs_index)count, (closs_index)(size - walk->at[0]));
    count -= run;
    walk->at[0] += (closs_index)run;
    if (walk->at[0] == size) {
      closs_walk_carry(layout, walk, CLOSS_SLOT_INPUT, 0);
    }
  }
}

/* The arithmetic's own type: vectors of it, and single elements, need no conversion. */
#ifdef CLOSS_DOUBLE
#define CLOSS_PLAIN CLOSS_F64
#else
#define CLOSS_PLAIN CLOSS_F32
#endif

/*
 * Where a run of neighbours begins, kept for every slot and moved on by additions. The neighbours are terms, along the
 * innermost dimension of terms, or columns, along that of columns; the walk is through the terms.
 *
 * How neighbours lie in a slot's array is its mode, four bits each: the number of a type that has vectors, or one of
 * these.
 */
#define CLOSS_MODE_REPEAT 0u /* one element for all of them */
#define CLOSS_MODE_EACH 1u   /* element by element */
#define CLOSS_MODE_STEP 2u   /* f32 with steps between */
typedef struct {
  closs_walk walk;
  closs_index size;                /* of the innermost dimension of terms */
  closs_index step[CLOSS_SLOTS];   /* along it */
  closs_index stride[CLOSS_SLOTS]; /* from neighbour to neighbour */
  closs_index offset[CLOSS_SLOTS];
  uint modes;
  uint plain; /* slots of the arithmetic type that are vectors or, where they are read, one element; a bit each */
} closs_cursor;

CLOSS_INLINE void closs_cursor_place(__global const closs_index *layout, closs_cursor *cursor) {
  for (uint slot = 0; slot < CLOSS_SLOTS; slot++) {
    cursor->offset[slot] = 0;
  }
  CLOSS_DIMENSIONS(d, CLOSS_RANK(layout, CLOSS_SPACE_TERMS)) {
    for (uint slot = 0; slot < CLOSS_SLOTS; slot++) {
      cursor->offset[slot] += cursor->walk.at[d] * CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, d);
    }
  }
}

/* Goes to a term. */
CLOSS_INLINE void closs_cursor_go(__global const closs_index *layout, closs_cursor *cursor, closs_unsigned_index term) {
  cursor->walk = closs_walk_start(layout, CLOSS_SPACE_TERMS, term);
  closs_cursor_place(layout, cursor);
}

/* Neighbours along the innermost dimension of a space. */
CLOSS_INLINE void closs_cursor_init(__global const closs_index *layout, uint types, uint space, closs_cursor *cursor) {
  cursor->size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, 0u);
  cursor->modes = 0;
  cursor->plain = 0;
  for (uint slot = 0; slot < CLOSS_SLOTS; slot++) {
    const uint type = CLOSS_TYPE(types, slot);
    const closs_index stride = CLOSS_STRIDE(layout, space, slot, 0u);
    const bool vectors = slot < CLOSS_SLOT_LOSS ? closs_loads_vectors(type) : closs_stores_vectors(type);
    const uint mode = stride == 1 && vectors ? type
                      : stride == 0          ? CLOSS_MODE_REPEAT
                      : type == CLOSS_F32    ? CLOSS_MODE_STEP
                                             : CLOSS_MODE_EACH;
    cursor->step[slot] = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
    cursor->stride[slot] = stride;
    cursor->modes |= mode << (4u * slot);
    if (type == CLOSS_PLAIN && (stride == 1 || (stride == 0 && slot < CLOSS_SLOT_LOSS))) {
      cursor->plain |= 1u << slot;
    }
  }
}

/* So many terms from here on lie within the innermost dimension. */
CLOSS_INLINE bool closs_cursor_in_run(const closs_cursor *cursor, uint count) {
  return cursor->size - cursor->walk.at[0] >= (closs_index)count;
}

/* On by `count` terms, where they lie within the innermost dimension. */
CLOSS_INLINE bool closs_cursor_step(closs_cursor *cursor, uint count) {
  if (cursor->size - cursor->walk.at[0] <= (closs_index)count) {
    return false;
  }
  cursor->walk.at[0] += (closs_index)count;
  for (uint slot = 0; slot < CLOSS_SLOTS; slot++) {
    cursor->offset[slot] += (closs_index)count * cursor->step[slot];
  }
  return true;
}

CLOSS_INLINE void closs_cursor_advance(__global const closs_index *layout, closs_cursor *cursor, uint count) {
  if (!closs_cursor_step(cursor, count)) {
    closs_walk_advance(layout, &cursor->walk, count);
    closs_cursor_place(layout, cursor);
  }
}

/* CLOSS_VALUE_WIDTH numbers F(0), F(1), ... */
#define CLOSS_PAIR_OF(F, j) F(j), F((j) + 1u)
#define CLOSS_QUAD_OF(F, j) CLOSS_PAIR_OF(F, j), CLOSS_PAIR_OF(F, (j) + 2u)
#define CLOSS_OCTET_OF(F, j) CLOSS_QUAD_OF(F, j), CLOSS_QUAD_OF(F, (j) + 4u)
#if CLOSS_VALUE_WIDTH == 16
#define CLOSS_VALUE_OF(F) CLOSS_OCTET_OF(F, 0u), CLOSS_OCTET_OF(F, 8u)
#elif CLOSS_VALUE_WIDTH == 8
#define CLOSS_VALUE_OF(F) CLOSS_OCTET_OF(F, 0u)
#else
#define CLOSS_VALUE_OF(F) F(0u)
#endif

/* Vector v of neighbours. */
CLOSS_INLINE closs_value closs_cursor_load(const closs_cursor *cursor, uint slot, uint type, __global const uchar *base,
                                           size_t start, uint v) {
  const closs_index stride = closs_pick(cursor->stride, slot);
  const size_t i = start + (size_t)(closs_pick(cursor->offset, slot) + (closs_index)(v * CLOSS_VALUE_WIDTH) * stride);
  switch (CLOSS_TYPE(cursor->modes, slot)) {
  case CLOSS_MODE_REPEAT:
    return (closs_value)(closs_load(type, base, i));
  case CLOSS_MODE_STEP: {
    __global const float *p = (__global const float *)base + i;
#define CLOSS_ELEMENT(j) p[(closs_index)(j)*stride]
    return (closs_value)(CLOSS_VALUE_OF(CLOSS_ELEMENT));
#undef CLOSS_ELEMENT
  }
  case CLOSS_MODE_EACH: {
    closs_tile tile;
    for (uint j = 0; j < CLOSS_VALUE_WIDTH; j++) {
      tile.lane[j] = closs_load(type, base, i + (size_t)((closs_index)j * stride));
    }
    return tile.value[0];
  }
  default:
    return closs_load_vector(CLOSS_TYPE(cursor->modes, slot), base, i, CLOSS_UNALIGNED);
  }
}

/* Where a plain slot's neighbours begin, `row` rows further on. */
CLOSS_INLINE size_t closs_plain_place(const closs_cursor *cursor, uint slot, size_t start, uint row) {
  return start + (size_t)(cursor->offset[slot] + (closs_index)(row * CLOSS_LANES) * cursor->step[slot]);
}

/* Vector v of them. */
CLOSS_INLINE closs_value closs_cursor_plain(const closs_cursor *cursor, uint slot, __global const uchar *base,
                                            size_t start, uint row, uint v) {
  const size_t i = closs_plain_place(cursor, slot, start, row);
  if (cursor->stride[slot] == 0) {
    return (closs_value)(closs_load(CLOSS_PLAIN, base, i));
  }
  return closs_load_vector(CLOSS_PLAIN, base, i + v * CLOSS_VALUE_WIDTH, CLOSS_UNALIGNED);
}

CLOSS_INLINE uint closs_store_way(bool stream, uint type, __global const uchar *base, size_t i) {
  return stream && closs_is_aligned(type, base, i) ? CLOSS_STREAMED : CLOSS_UNALIGNED;
}

/* A vector of a gradient or of losses, likewise. */
CLOSS_INLINE void closs_cursor_store(const closs_cursor *cursor, uint slot, uint type, __global uchar *base,
                                     size_t start, uint v, closs_value value, bool accumulate, bool stream) {
  const closs_index stride = closs_pick(cursor->stride, slot);
  const size_t i = start + (size_t)(closs_pick(cursor->offset, slot) + (closs_index)(v * CLOSS_VALUE_WIDTH) * stride);
  if (CLOSS_TYPE(cursor->modes, slot) >= CLOSS_F16) {
    closs_add_vector(type, base, i, value, accumulate, closs_store_way(stream, type, base, i));
    return;
  }
  closs_tile tile;
  tile.value[0] = value;
  for (uint j = 0; j < CLOSS_VALUE_WIDTH; j++) {
    closs_store_gradient(type, base, i + (size_t)((closs_index)j * stride), 0u, tile.lane[j], accumulate);
  }
}

CLOSS_INLINE void closs_cursor_store_plain(const closs_cursor *cursor, uint slot, __global uchar *base, size_t start,
                                           uint row, uint v, closs_value value, bool accumulate, bool stream) {
  const size_t i = closs_plain_place(cursor, slot, start, row) + v * CLOSS_VALUE_WIDTH;
  closs_add_vector(CLOSS_PLAIN, base, i, value, accumulate, closs_store_way(stream, CLOSS_PLAIN, base, i));
}

/* The loop of one type over a run of elements; `i` is an element's place. */
#define CLOSS_EACH(STATEMENT)                                                                                          \
  for (uint j = 0; j < run; j++) {                                                                                     \
    size_t i = start + (size_t)(offset + (closs_index)j * stride);                                                     \
    STATEMENT;                                                                                                         \
  }                                                                                                                    \
  break
#define CLOSS_LOAD_EACH(TYPE) CLOSS_EACH(lane[j] = closs_load(TYPE, base, i))
#define CLOSS_STORE_EACH(TYPE) CLOSS_EACH(closs_store_gradient(TYPE, base, i, part, lane[j], accumulate))

/* `run` elements, one loop a type, so that the type costs nothing an element. */
CLOSS_INLINE void closs_load_run(uint type, __global const uchar *base, size_t start, closs_index offset,
                                 closs_index stride, uint run, uint part, closs_real *lane) {
#ifdef CLOSS_COMPLEX
  if (part != 0) {
    for (uint j = 0; j < run; j++) {
      lane[j] = closs_load_imaginary(type, base, start + (size_t)(offset + (closs_index)j * stride));
    }
    return;
  }
#endif
  switch (type) {
  case CLOSS_F16:
    CLOSS_LOAD_EACH(CLOSS_F16);
  case CLOSS_BF16:
    CLOSS_LOAD_EACH(CLOSS_BF16);
  case CLOSS_F32:
    CLOSS_LOAD_EACH(CLOSS_F32);
#ifdef CLOSS_FP64
  case CLOSS_F64:
    CLOSS_LOAD_EACH(CLOSS_F64);
#endif
  default: /* rarer ones find their type at each element */
    CLOSS_LOAD_EACH(type);
  }
}

CLOSS_INLINE void closs_store_run(uint type, __global uchar *base, size_t start, closs_index offset, closs_index stride,
                                  uint run, uint part, const closs_real *lane, bool accumulate) {
  switch (type) {
  case CLOSS_F16:
    CLOSS_STORE_EACH(CLOSS_F16);
  case CLOSS_BF16:
    CLOSS_STORE_EACH(CLOSS_BF16);
  case CLOSS_F32:
    CLOSS_STORE_EACH(CLOSS_F32);
#ifdef CLOSS_DOUBLE
  case CLOSS_F64:
    CLOSS_STORE_EACH(CLOSS_F64);
#endif
  default:
    CLOSS_STORE_EACH(type);
  }
}

/* Lanes [low, high) of a row from the array of a slot; part 1: imaginary parts. */
CLOSS_INLINE void closs_gather(__global const closs_index *layout, const closs_cursor *cursor, uint slot, uint type,
                               __global const uchar *base, size_t start, uint part, uint low, uint high,
                               closs_tile *tile) {
#ifndef CLOSS_COMPLEX
  if (high - low == CLOSS_TILE_LANES && closs_cursor_in_run(cursor, CLOSS_TILE_LANES)) {
    /* The usual modes have loops of their own, so that they are told apart once. */
    const size_t i = start + (size_t)closs_pick(cursor->offset, slot);
    const uint mode = CLOSS_TYPE(cursor->modes, slot);
    if (mode == CLOSS_F32) {
      for (uint v = 0; v < CLOSS_VALUES; v++) {
        tile->value[v] = closs_load_vector(CLOSS_F32, base, i + v * CLOSS_VALUE_WIDTH, CLOSS_UNALIGNED);
      }
    } else if (mode == CLOSS_MODE_REPEAT) {
      const closs_value repeated = (closs_value)(closs_load(type, base, i));
      for (uint v = 0; v < CLOSS_VALUES; v++) {
        tile->value[v] = repeated;
      }
    } else {
      CLOSS_ROLLED for (uint v = 0; v < CLOSS_VALUES; v++) {
        tile->value[v] = closs_cursor_load(cursor, slot, type, base, start, v);
      }
    }
    return;
  }
#endif
  closs_walk walk = cursor->walk;
  closs_index offset = closs_walk_offset(layout, CLOSS_SPACE_TERMS, &walk, slot);
  const closs_index stride = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
  const closs_index size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, 0u);
  while (low < high) {
    uint run = (uint)min((closs_index)(high - low), (closs_index)(size - walk.at[0]));
    closs_load_run(type, base, start, offset, stride, run, part, &tile->lane[low]);
    low += run;
    offset += (closs_index)run * stride;
    walk.at[0] += (closs_index)run;
    if (walk.at[0] == size) {
      offset = closs_walk_carry(layout, &walk, slot, offset);
    }
  }
}

/* Lanes [low, high) of a row to the array of a slot. */
CLOSS_INLINE void closs_scatter(__global const closs_index *layout, const closs_cursor *cursor, uint slot, uint type,
                                __global uchar *base, size_t start, uint part, uint low, uint high,
                                const closs_tile *tile, bool accumulate, bool stream) {
#ifndef CLOSS_COMPLEX
  if (high - low == CLOSS_TILE_LANES && closs_cursor_in_run(cursor, CLOSS_TILE_LANES)) {
    CLOSS_ROLLED for (uint v = 0; v < CLOSS_VALUES; v++) {
      closs_cursor_store(cursor, slot, type, base, start, v, tile->value[v], accumulate, stream);
    }
    return;
  }
#endif
  closs_walk walk = cursor->walk;
  closs_index offset = closs_walk_offset(layout, CLOSS_SPACE_TERMS, &walk, slot);
  const closs_index stride = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
  const closs_index size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, 0u);
  while (low < high) {
    uint run = (uint)min((closs_index)(high - low), (closs_index)(size - walk.at[0]));
    closs_store_run(type, base, start, offset, stride, run, part, &tile->lane[low], accumulate);
    low += run;
    offset += (closs_index)run * stride;
    walk.at[0] += (closs_index)run;
    if (walk.at[0] == size) {
      offset = closs_walk_carry(layout, &walk, slot, offset);
    }
  }
}

/* The element of a gradient that a column is for. */
CLOSS_INLINE size_t closs_column_place(__global const closs_index *layout, uint flags, uint column) {
  const closs_walk place = closs_walk_start(layout, CLOSS_SPACE_COLUMNS, column);
  return (size_t)closs_walk_offset(layout, CLOSS_SPACE_COLUMNS, &place,
                                   flags & CLOSS_FLAG_COLUMN_TARGET ? CLOSS_SLOT_TARGET_GRADIENT
                                                                    : CLOSS_SLOT_INPUT_GRADIENT);
}
