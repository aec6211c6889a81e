/* Neighbouring elements of one type as a vector. Arrays are aligned to their element alone: vectors must say so. */
typedef CLOSS_JOIN(ushort, CLOSS_N) closs_ushorts;
typedef closs_ushorts closs_unaligned_ushorts __attribute__((aligned(2)));
typedef CLOSS_JOIN(float, CLOSS_N) closs_floats;
typedef closs_floats closs_unaligned_floats __attribute__((aligned(4)));
#ifdef CLOSS_FP64
typedef CLOSS_JOIN(double, CLOSS_N) closs_doubles;
typedef closs_doubles closs_unaligned_doubles __attribute__((aligned(8)));
#endif
#ifdef CLOSS_DOUBLE
#define CLOSS_CONVERT_VALUE CLOSS_JOIN(convert_double, CLOSS_N)
#else
#define CLOSS_CONVERT_VALUE CLOSS_JOIN(convert_float, CLOSS_N)
#endif

/* Types that have vectors; others go element by element. */
CLOSS_INLINE bool closs_loads_vectors(uint type) {
#ifdef CLOSS_FP64
  return type >= CLOSS_F16 && type <= CLOSS_F64;
#else
  return type >= CLOSS_F16 && type <= CLOSS_F32;
#endif
}

CLOSS_INLINE bool closs_stores_vectors(uint type) {
#ifdef CLOSS_DOUBLE
  return type == CLOSS_F64;
#else
  return type >= CLOSS_F16 && type <= CLOSS_F32;
#endif
}

/* How vectors are reached: with their elements' alignment, which GPUs do one by one; with their own; with that and past
 * the cache, which is for stores. */
#define CLOSS_UNALIGNED 0u
#define CLOSS_ALIGNED 1u
#define CLOSS_STREAMED 2u

/*
 * The vector from element i on. On CPUs one load does for both. On GPUs an unaligned one is written as elements, and an
 * aligned one as number i / WIDTH of the array: from two loads of one address compilers make one, the unaligned.
 */
#ifndef CLOSS_GROUP
#define CLOSS_VECTOR_AT(TYPE, UNALIGNED, base, i, way) (*(__global const UNALIGNED *)((base) + (i)))
#else
#if CLOSS_VALUE_WIDTH == 4
#define CLOSS_ELEMENTS_AT(TYPE, p) (TYPE)((p)[0], (p)[1], (p)[2], (p)[3])
#elif CLOSS_VALUE_WIDTH == 2
#define CLOSS_ELEMENTS_AT(TYPE, p) (TYPE)((p)[0], (p)[1])
#else
#define CLOSS_ELEMENTS_AT(TYPE, p) (p)[0]
#endif
#define CLOSS_VECTOR_AT(TYPE, UNALIGNED, base, i, way)                                                                 \
  ((way) == CLOSS_UNALIGNED ? CLOSS_ELEMENTS_AT(TYPE, (base) + (i))                                                    \
                            : ((__global const TYPE *)(base))[(i) / CLOSS_VALUE_WIDTH])
#endif

CLOSS_INLINE closs_value closs_load_vector(uint type, __global const uchar *base, size_t i, uint way) {
  switch (type) {
  case CLOSS_F16:
#ifdef CLOSS_GROUP
    if (way != CLOSS_UNALIGNED) {
      const closs_ushorts v = ((__global const closs_ushorts *)base)[i / CLOSS_VALUE_WIDTH];
      return CLOSS_CONVERT_VALUE(CLOSS_JOIN(vload_half, CLOSS_N)(0, (const half *)&v));
    }
#endif
    return CLOSS_CONVERT_VALUE(CLOSS_JOIN(vload_half, CLOSS_N)(0, (__global const half *)base + i));
  case CLOSS_BF16: {
    const closs_ushorts v =
        CLOSS_VECTOR_AT(closs_ushorts, closs_unaligned_ushorts, (__global const ushort *)base, i, way);
    return CLOSS_CONVERT_VALUE(CLOSS_JOIN(as_float, CLOSS_N)(CLOSS_JOIN(convert_uint, CLOSS_N)(v) << 16));
  }
#ifdef CLOSS_FP64
  case CLOSS_F64:
    return CLOSS_CONVERT_VALUE(
        CLOSS_VECTOR_AT(closs_doubles, closs_unaligned_doubles, (__global const double *)base, i, way));
#endif
  default:
    return CLOSS_CONVERT_VALUE(
        CLOSS_VECTOR_AT(closs_floats, closs_unaligned_floats, (__global const float *)base, i, way));
  }
}

#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define CLOSS_HAS_STREAM
#endif
#endif

#ifdef CLOSS_HAS_STREAM
#define CLOSS_STREAM_VECTOR(p, v) __builtin_nontemporal_store(v, p)
#else
#define CLOSS_STREAM_VECTOR(p, v) *(p) = (v)
#endif
#define CLOSS_STORE_VECTOR(TYPE, UNALIGNED, base, i, v, way)                                                           \
  if ((way) == CLOSS_STREAMED) {                                                                                       \
    CLOSS_STREAM_VECTOR((__global TYPE *)(base) + (i) / CLOSS_VALUE_WIDTH, v);                                         \
  } else if ((way) == CLOSS_ALIGNED) {                                                                                 \
    ((__global TYPE *)(base))[(i) / CLOSS_VALUE_WIDTH] = v;                                                            \
  } else {                                                                                                             \
    *(__global UNALIGNED *)((base) + (i)) = v;                                                                         \
  }

/* By the rules of put. */
CLOSS_INLINE void closs_store_vector(uint type, __global uchar *base, size_t i, closs_value v, uint way) {
#ifdef CLOSS_DOUBLE
  CLOSS_STORE_VECTOR(closs_doubles, closs_unaligned_doubles, (__global double *)base, i, closs_put_value(v), way)
#else
  if (type == CLOSS_F32) {
    CLOSS_STORE_VECTOR(closs_floats, closs_unaligned_floats, (__global float *)base, i, closs_put_value(v), way)
    return;
  }
  const CLOSS_JOIN(uint, CLOSS_N) half_bits = type == CLOSS_F16 ? closs_to_f16_value(v) : closs_to_bf16_value(v);
  CLOSS_STORE_VECTOR(closs_ushorts, closs_unaligned_ushorts, (__global ushort *)base, i,
                     CLOSS_JOIN(convert_ushort, CLOSS_N)(half_bits), way)
#endif
}

/* Losses, or a gradient, which may be added to what is there. */
CLOSS_INLINE void closs_add_vector(uint type, __global uchar *base, size_t i, closs_value value, bool accumulate,
                                   uint way) {
  /* Past the cache or not is known at run time alone: one kind of load is for both. */
  const uint load_way = way == CLOSS_STREAMED ? CLOSS_UNALIGNED : way;
  closs_store_vector(type, base, i, accumulate ? closs_load_vector(type, base, i, load_way) + value : value, way);
}

/* Whether the array and this element lie at multiples of a vector of the type. */
CLOSS_INLINE bool closs_is_aligned(uint type, __global const uchar *base, size_t i) {
  const size_t size = type == CLOSS_F64 ? 8u : type == CLOSS_F32 ? 4u : 2u;
  return (((size_t)base | i * size) & (size * CLOSS_VALUE_WIDTH - 1u)) == 0;
}
