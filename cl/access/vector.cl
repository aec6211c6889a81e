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

CLOSS_INLINE closs_value closs_load_vector(uint type, __global const uchar *base, size_t i) {
  switch (type) {
  case CLOSS_F16:
    return CLOSS_CONVERT_VALUE(CLOSS_JOIN(vload_half, CLOSS_N)(0, (__global const half *)base + i));
  case CLOSS_BF16: {
    const closs_ushorts v = *(__global const closs_unaligned_ushorts *)((__global const ushort *)base + i);
    return CLOSS_CONVERT_VALUE(CLOSS_JOIN(as_float, CLOSS_N)(CLOSS_JOIN(convert_uint, CLOSS_N)(v) << 16));
  }
#ifdef CLOSS_FP64
  case CLOSS_F64:
    return CLOSS_CONVERT_VALUE(*(__global const closs_unaligned_doubles *)((__global const double *)base + i));
#endif
  default:
    return CLOSS_CONVERT_VALUE(*(__global const closs_unaligned_floats *)((__global const float *)base + i));
  }
}

#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define CLOSS_HAS_STREAM
#endif
#endif

/* A store past the cache goes through a naturally aligned pointer. */
#ifdef CLOSS_HAS_STREAM
#define CLOSS_STORE_VECTOR(TYPE, UNALIGNED, p, v, stream)                                                              \
  if (stream) {                                                                                                        \
    __builtin_nontemporal_store(v, (__global TYPE *)(p));                                                              \
  } else {                                                                                                             \
    *(__global UNALIGNED *)(p) = v;                                                                                    \
  }
#else
#define CLOSS_STORE_VECTOR(TYPE, UNALIGNED, p, v, stream) *(__global UNALIGNED *)(p) = v;
#endif

/* By the rules of put. */
CLOSS_INLINE void closs_store_vector(uint type, __global uchar *base, size_t i, closs_value v, bool stream) {
#ifdef CLOSS_DOUBLE
  CLOSS_STORE_VECTOR(closs_doubles, closs_unaligned_doubles, (__global double *)base + i, closs_put_value(v), stream)
#else
  if (type == CLOSS_F32) {
    CLOSS_STORE_VECTOR(closs_floats, closs_unaligned_floats, (__global float *)base + i, closs_put_value(v), stream)
    return;
  }
  const CLOSS_JOIN(uint, CLOSS_N) half_bits = type == CLOSS_F16 ? closs_to_f16_value(v) : closs_to_bf16_value(v);
  CLOSS_STORE_VECTOR(closs_ushorts, closs_unaligned_ushorts, (__global ushort *)base + i,
                     CLOSS_JOIN(convert_ushort, CLOSS_N)(half_bits), stream)
#endif
}

/* Losses, or a gradient, which may be added to what is there. */
CLOSS_INLINE void closs_add_vector(uint type, __global uchar *base, size_t i, closs_value value, bool accumulate,
                                   bool stream) {
  closs_store_vector(type, base, i, accumulate ? closs_load_vector(type, base, i) + value : value, stream);
}

/* Whether a vector of the type may be stored past the cache here. */
CLOSS_INLINE bool closs_can_stream(uint type, __global const uchar *base, size_t i) {
  const size_t size = type == CLOSS_F64 ? 8u : type == CLOSS_F32 ? 4u : 2u;
  return (((size_t)base + i * size) & (size * CLOSS_VALUE_WIDTH - 1u)) == 0;
}
