/*
 * Strided access: any types and strides. A row of terms is gathered into a tile, or scattered from one, by counters
 * that go along with the terms; nothing is divided per element.
 *
 * The layout is an array of indices made by the host (src/plan/layout.c): two spaces of dimensions, innermost first,
 * collapsed. A pass has terms only; a sum by columns has a column for each index of the second space.
 */
#ifdef CLOSS_WIDE
typedef long closs_index;
typedef ulong closs_unsigned_index;
#else
typedef int closs_index;
typedef uint closs_unsigned_index;
#endif

#define CLOSS_MAX_RANK 8u
#define CLOSS_SLOTS 7u
#define CLOSS_SPACE_TERMS 0u
#define CLOSS_SPACE_COLUMNS (1u + CLOSS_MAX_RANK + CLOSS_MAX_RANK * CLOSS_SLOTS)
/* A space: its rank, its sizes, and the strides of each slot. */
#define CLOSS_RANK(layout, space) ((uint)(layout)[space])
#define CLOSS_SIZE(layout, space, d) ((layout)[(space) + 1u + (d)])
#define CLOSS_STRIDE(layout, space, slot, d) ((layout)[(space) + 1u + CLOSS_MAX_RANK * (1u + (slot)) + (d)])

typedef struct {
  closs_index at[CLOSS_MAX_RANK];
} closs_walk;

CLOSS_INLINE closs_walk closs_walk_start(__global const closs_index *layout, uint space, closs_unsigned_index number) {
  closs_walk walk;
  uint rank = CLOSS_RANK(layout, space);
  for (uint d = 0; d + 1u < rank; d++) {
    closs_unsigned_index size = (closs_unsigned_index)CLOSS_SIZE(layout, space, d);
    closs_unsigned_index next = number / size;
    walk.at[d] = (closs_index)(number - next * size);
    number = next;
  }
  walk.at[rank - 1u] = (closs_index)number;
  return walk;
}

/* Where the walk is in the array of a slot. */
CLOSS_INLINE closs_index closs_walk_offset(__global const closs_index *layout, uint space, const closs_walk *walk,
                                           uint slot) {
  closs_index offset = 0;
  for (uint d = 0; d < CLOSS_RANK(layout, space); d++) {
    offset += walk->at[d] * CLOSS_STRIDE(layout, space, slot, d);
  }
  return offset;
}

/* The innermost dimension is at its end: on to its next start. Gives the slot's offset there. */
CLOSS_INLINE closs_index closs_walk_carry(__global const closs_index *layout, closs_walk *walk, uint slot,
                                          closs_index offset) {
  offset -= walk->at[0] * CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
  walk->at[0] = 0;
  for (uint d = 1; d < CLOSS_RANK(layout, CLOSS_SPACE_TERMS); d++) {
    closs_index size = CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, d);
    closs_index stride = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, d);
    offset += stride;
    walk->at[d]++;
    if (walk->at[d] < size) {
      break;
    }
    offset -= size * stride;
    walk->at[d] = 0;
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
CLOSS_INLINE void closs_gather(__global const closs_index *layout, closs_walk walk, uint slot, uint type,
                               __global const uchar *base, size_t start, uint part, uint low, uint high,
                               closs_tile *tile) {
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
CLOSS_INLINE void closs_scatter(__global const closs_index *layout, closs_walk walk, uint slot, uint type,
                                __global uchar *base, size_t start, uint part, uint low, uint high,
                                const closs_tile *tile, bool accumulate) {
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
