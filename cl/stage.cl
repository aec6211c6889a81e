/*
 * Staging: an array whose neighbours in memory are not neighbouring terms goes through the workspace, where they are: a
 * slice of terms at a time, before a pass that reads it or after one that writes it. A work-item copies a square of
 * elements, along the array's lines on one side and along the terms on the other.
 */

/* The side of a square, which a work-item loads and stores at once; and how many of them it does along a line. */
#if CLOSS_VALUE_WIDTH >= 8
#define CLOSS_SIDE 16
#define CLOSS_SQUARES 8u
#else
#define CLOSS_SIDE 4
#define CLOSS_SQUARES 1u
#endif

/* From one place to another, i and j below CLOSS_SIDE. In the one neighbours are along j, in the other along i. */
typedef struct {
  size_t from, to;
  closs_index from_i, from_j, to_i, to_j;
  uint term, term_i, term_j; /* counted from the slice's first; those before it are large */
  uint size_i, size_j;       /* as far as the array has them */
  uint terms;                /* of the slice */
} closs_square;

/* All elements of the square are there, and both sides' neighbours are neighbours in memory. */
CLOSS_INLINE bool closs_is_whole(const closs_square *q) {
  const uint reach = (CLOSS_SIDE - 1) * (q->term_i + q->term_j);
  return q->from_j == 1 && q->to_i == 1 && q->size_i == CLOSS_SIDE && q->size_j == CLOSS_SIDE && q->term < q->terms &&
         reach < q->terms - q->term;
}

#define CLOSS_COPY_ELEMENTS(TYPE, array, copy, q)                                                                      \
  CLOSS_ROLLED for (uint i = 0; i < (q)->size_i; i++) {                                                                \
    for (uint j = 0; j < (q)->size_j; j++) {                                                                           \
      if ((q)->term + i * (q)->term_i + j * (q)->term_j < (q)->terms) {                                                \
        ((__global TYPE *)(copy))[(q)->to + (size_t)((closs_index)i * (q)->to_i + (closs_index)j * (q)->to_j)] =       \
            ((__global const TYPE *)(array))[(q)->from +                                                               \
                                             (size_t)((closs_index)i * (q)->from_i + (closs_index)j * (q)->from_j)];   \
      }                                                                                                                \
    }                                                                                                                  \
  }

/* The two halves of a square's vectors in turn, as often as it halves, turn it round. */
#define CLOSS_DEFINE_COPY(NAME, TYPE, SIZE)                                                                            \
  typedef CLOSS_JOIN(TYPE, CLOSS_SIDE) NAME##_vector;                                                                  \
  typedef NAME##_vector NAME##_unaligned __attribute__((aligned(SIZE)));                                               \
  CLOSS_INLINE void NAME(__global const uchar *array, __global uchar *copy, const closs_square *q) {                   \
    if (!closs_is_whole(q)) {                                                                                          \
      CLOSS_COPY_ELEMENTS(TYPE, array, copy, q)                                                                        \
      return;                                                                                                          \
    }                                                                                                                  \
    __global const TYPE *from = (__global const TYPE *)array + q->from;                                                \
    __global TYPE *to = (__global TYPE *)copy + q->to;                                                                 \
    NAME##_vector v[CLOSS_SIDE], turned[CLOSS_SIDE];                                                                   \
    CLOSS_UNROLLED for (uint i = 0; i < CLOSS_SIDE; i++) {                                                             \
      turned[i] = v[i] = *(__global const NAME##_unaligned *)(from + (closs_index)i * q->from_i);                      \
    }                                                                                                                  \
    CLOSS_UNROLLED for (uint turns = 1; turns < CLOSS_SIDE; turns *= 2u) {                                             \
      CLOSS_UNROLLED for (uint i = 0; i < CLOSS_SIDE / 2u; i++) {                                                      \
        turned[2u * i].even = v[i].lo;                                                                                 \
        turned[2u * i].odd = v[i + CLOSS_SIDE / 2].lo;                                                                 \
        turned[2u * i + 1u].even = v[i].hi;                                                                            \
        turned[2u * i + 1u].odd = v[i + CLOSS_SIDE / 2].hi;                                                            \
      }                                                                                                                \
      CLOSS_UNROLLED for (uint i = 0; i < CLOSS_SIDE; i++) {                                                           \
        v[i] = turned[i];                                                                                              \
      }                                                                                                                \
    }                                                                                                                  \
    CLOSS_UNROLLED for (uint j = 0; j < CLOSS_SIDE; j++) {                                                             \
      *(__global NAME##_unaligned *)(to + (closs_index)j * q->to_j) = v[j];                                            \
    }                                                                                                                  \
  }

CLOSS_DEFINE_COPY(closs_copy_2, ushort, 2)
CLOSS_DEFINE_COPY(closs_copy_4, uint, 4)
/* Pairs of words, since not every device has 64-bit integers; complex elements are aligned to their parts alone. */
typedef uint2 closs_two_words __attribute__((aligned(4)));
typedef uint4 closs_four_words __attribute__((aligned(8)));

CLOSS_INLINE void closs_copy(uint type, __global const uchar *array, __global uchar *copy, const closs_square *q) {
  switch (type) {
  case CLOSS_BOOL:
  case CLOSS_I8:
  case CLOSS_U8:
    CLOSS_COPY_ELEMENTS(uchar, array, copy, q)
    break;
  case CLOSS_I16:
  case CLOSS_U16:
  case CLOSS_F16:
  case CLOSS_BF16:
    closs_copy_2(array, copy, q);
    break;
  case CLOSS_I32:
  case CLOSS_U32:
  case CLOSS_F32:
    closs_copy_4(array, copy, q);
    break;
  case CLOSS_I64:
  case CLOSS_U64:
  case CLOSS_F64:
  case CLOSS_C64:
    CLOSS_COPY_ELEMENTS(closs_two_words, array, copy, q)
    break;
  case CLOSS_C128:
    CLOSS_COPY_ELEMENTS(closs_four_words, array, copy, q)
    break;
  default:
    break;
  }
}

/* Adds what index `number` of dimensions [low, high) makes of the array's place and of the term. */
CLOSS_INLINE void closs_stage_go(__global const closs_index *layout, uint slot, uint low, uint high, uint number,
                                 size_t *place, uint *term) {
  uint terms = 1;
  for (uint d = 0; d < high; d++) {
    const uint size = (uint)CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, d);
    if (d >= low) {
      const uint at = d + 1u < high ? number % size : number;
      *place += (size_t)((closs_index)at * CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, d));
      *term += at * terms;
      number /= size;
    }
    terms *= size;
  }
}

/*
 * line: the dimension of terms along which the array's neighbours lie. Its indices are in groups of CLOSS_SIDE, for
 * each index of the dimensions outside; the slice has terms in `groups` of them, from number first_group on.
 * back: from the workspace to the array.
 */
__kernel void closs_stage(__global uchar *array, __global uchar *staged, __global const int *layout_buffer,
                          uint array_low, uint array_high, uint staged_low, uint staged_high, uint slot, uint line,
                          uint first_group, uint groups, uint first, uint terms, uint back, uint types) {
  __global const closs_index *layout = (__global const closs_index *)layout_buffer;
  const uint width = (uint)CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, 0u);
  const uint length = (uint)CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, line);
  const closs_index across = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, 0u);
  const closs_index along = CLOSS_STRIDE(layout, CLOSS_SPACE_TERMS, slot, line);
  uint below = 1; /* indices of the dimensions between */
  for (uint d = 1; d < line; d++) {
    below *= (uint)CLOSS_SIZE(layout, CLOSS_SPACE_TERMS, d);
  }
  const uint strips = (width - 1u) / CLOSS_SIDE + 1u, bands = (length - 1u) / CLOSS_SIDE + 1u;
  const uint line_terms = width * below, shares = (groups + CLOSS_SQUARES - 1u) / CLOSS_SQUARES;
  const bool to_array = back != 0;
  closs_square q;
  q.terms = terms;
  q.from_i = to_array ? (closs_index)line_terms : across;
  q.from_j = to_array ? 1 : along;
  q.to_i = to_array ? along : 1;
  q.to_j = to_array ? across : (closs_index)line_terms;
  q.term_i = to_array ? line_terms : 1u;
  q.term_j = to_array ? 1u : line_terms;
  CLOSS_ITEMS_BEGIN(id, (size_t)shares * strips * below)
  const uint share = (uint)id % shares, rest = (uint)id / shares;
  const uint column = rest % strips * CLOSS_SIDE, columns = min(width - column, (uint)CLOSS_SIDE);
  size_t strip = closs_offset(array_low, array_high) + (size_t)((closs_index)column * across);
  uint strip_term = column - first;
  closs_stage_go(layout, slot, 1u, line, rest / strips, &strip, &strip_term);
  const uint end = first_group + min((share + 1u) * CLOSS_SQUARES, groups);
  for (uint group = first_group + share * CLOSS_SQUARES; group < end; group++) {
    const uint row = group % bands * CLOSS_SIDE, rows = min(length - row, (uint)CLOSS_SIDE);
    size_t place = strip + (size_t)((closs_index)row * along);
    q.term = strip_term + row * line_terms;
    closs_stage_go(layout, slot, line + 1u, CLOSS_RANK(layout, CLOSS_SPACE_TERMS), group / bands, &place, &q.term);
    /* Before the slice's first term, a number below 0. */
    const size_t at = closs_offset(staged_low, staged_high) + (size_t)(closs_index)q.term;
    q.from = to_array ? at : place;
    q.to = to_array ? place : at;
    q.size_i = to_array ? rows : columns;
    q.size_j = to_array ? columns : rows;
    closs_copy(CLOSS_TYPE(types, slot), to_array ? staged : array, to_array ? array : staged, &q);
  }
  CLOSS_ITEMS_END
}
