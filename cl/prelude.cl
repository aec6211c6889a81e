/*
 * What every kernel starts from: types, loads and stores.
 *
 * The program is one text, put together by src/program/source.c, with these options:
 * - CLOSS_DOUBLE: the arithmetic type T (closs_real) is double, else float
 * - CLOSS_FP64: the device has double
 * - CLOSS_STORAGE: contiguous access, the closs_dtype of all arrays; not set: strided access
 * - CLOSS_COMPLEX: an operand is complex
 * - CLOSS_WIDE: strided access has 64-bit indices
 * - CLOSS_GROUP: schedule groups, its work-group size; not set: schedule lanes
 * - CLOSS_WIDTH: the lanes that are computed at once: in schedule groups a work-item's 1, 2 or 4, in schedule lanes 1;
 *   not set: a vector of them
 * - CLOSS_SINGLE: one work-item does what in other programs each of them does a part of (for FPGAs)
 * - CLOSS_FLAGS: a fixed value of pass.cl's argument `flags`; not set: the argument counts
 */
#pragma OPENCL FP_CONTRACT OFF
#ifdef CLOSS_FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
#endif

#define CLOSS_INLINE static inline __attribute__((always_inline))
/* That vectors are used already: else Intel's compilers make some of work-items too, which takes them up to minutes. */
#define CLOSS_HINT vec_type_hint(float4)
/* Loops over arrays whose body is large stay loops. */
#define CLOSS_ROLLED __attribute__((opencl_unroll_hint(1)))
/* And those over vectors that stay in registers do not. */
#define CLOSS_UNROLLED __attribute__((opencl_unroll_hint))

/* Between these stands what is done for number `id` of `count`: by a work-item each, or by one for all of them. */
#ifdef CLOSS_SINGLE
#define CLOSS_ITEMS_BEGIN(id, count) for (size_t id = 0; id < (size_t)(count); id++) {
#define CLOSS_ITEMS_END }
#else
#define CLOSS_ITEMS_BEGIN(id, count)                                                                                   \
  const size_t id = get_global_id(0);                                                                                  \
  if (id >= (size_t)(count)) {                                                                                         \
    return;                                                                                                            \
  }
#define CLOSS_ITEMS_END
#endif

/* The canonical sum's numbers. */
#define CLOSS_CHUNK 4096u
#define CLOSS_LANES 64u
#ifdef CLOSS_DOUBLE
typedef double closs_real;
#define CLOSS_SIGN 0x8000000000000000UL
#define CLOSS_INFINITY_BITS 0x7ff0000000000000UL
#define CLOSS_NAN_BITS 0x7ff8000000000000UL
typedef ulong closs_bits;
#define closs_as_real as_double
#define closs_as_bits as_ulong
#else
typedef float closs_real;
#define CLOSS_SIGN 0x80000000u
#define CLOSS_INFINITY_BITS 0x7f800000u
#define CLOSS_NAN_BITS 0x7fc00000u
typedef uint closs_bits;
#define closs_as_real as_float
#define closs_as_bits as_uint
#endif

/* What a loss's function takes and gives: as many elements at once as a work-item does. */
#define CLOSS_JOIN_EXPANDED(a, b) a##b
#define CLOSS_JOIN(a, b) CLOSS_JOIN_EXPANDED(a, b)
#ifdef CLOSS_WIDTH
#define CLOSS_VALUE_WIDTH CLOSS_WIDTH
#elif defined(CLOSS_DOUBLE)
#define CLOSS_VALUE_WIDTH 8
#else
#define CLOSS_VALUE_WIDTH 16
#endif
#if CLOSS_VALUE_WIDTH == 1
#define CLOSS_N
#else
#define CLOSS_N CLOSS_VALUE_WIDTH
#endif
#ifdef CLOSS_DOUBLE
typedef CLOSS_JOIN(double, CLOSS_N) closs_value;
typedef CLOSS_JOIN(ulong, CLOSS_N) closs_value_bits;
#define closs_as_value CLOSS_JOIN(as_double, CLOSS_N)
#define closs_as_value_bits CLOSS_JOIN(as_ulong, CLOSS_N)
#else
typedef CLOSS_JOIN(float, CLOSS_N) closs_value;
typedef CLOSS_JOIN(uint, CLOSS_N) closs_value_bits;
#define closs_as_value CLOSS_JOIN(as_float, CLOSS_N)
#define closs_as_value_bits CLOSS_JOIN(as_uint, CLOSS_N)
#endif
#define CLOSS_VALUE(x) ((closs_value)((closs_real)(x)))

/* The lanes that a work-item has at once, and a term of each. */
#ifdef CLOSS_GROUP
#define CLOSS_TILE_LANES CLOSS_VALUE_WIDTH
#else
#define CLOSS_TILE_LANES CLOSS_LANES
#endif
#define CLOSS_VALUES (CLOSS_TILE_LANES / CLOSS_VALUE_WIDTH)
typedef union {
  closs_real lane[CLOSS_TILE_LANES];
  closs_value value[CLOSS_VALUES];
} closs_tile;

/* Element types: the numbers of closs_dtype, four bits a slot in `types`. */
#define CLOSS_BOOL 1u
#define CLOSS_I8 2u
#define CLOSS_U8 3u
#define CLOSS_I16 4u
#define CLOSS_U16 5u
#define CLOSS_I32 6u
#define CLOSS_U32 7u
#define CLOSS_I64 8u
#define CLOSS_U64 9u
#define CLOSS_F16 10u
#define CLOSS_BF16 11u
#define CLOSS_F32 12u
#define CLOSS_F64 13u
#define CLOSS_C64 14u
#define CLOSS_C128 15u
#define CLOSS_SLOT_INPUT 0u
#define CLOSS_SLOT_TARGET 1u
#define CLOSS_SLOT_WEIGHT 2u
#define CLOSS_SLOT_UPSTREAM 3u
#define CLOSS_SLOT_LOSS 4u
#define CLOSS_SLOT_INPUT_GRADIENT 5u
#define CLOSS_SLOT_TARGET_GRADIENT 6u
#define CLOSS_SLOTS 7u
#define CLOSS_TYPE(types, slot) (((types) >> (4u * (slot))) & 15u)

/* Offsets come as two uints, so that devices without 64-bit integers can take them. */
CLOSS_INLINE size_t closs_offset(uint low, uint high) {
  size_t upper = high;
  return (size_t)low + ((upper << 16) << 16);
}

/* f16 to f32: exact, and without subnormal intermediates. Vectors go by vload_half, which some devices have in
 * hardware. */
CLOSS_INLINE float closs_from_f16(uint h) {
  uint a = (h & 0x7fffu) << 13;
  uint normal = a + 0x38000000u;
  uint special = a + 0x70000000u;
  uint tiny = as_uint(as_float(a + 0x38800000u) - as_float(0x38800000u));
  uint bits = a >= 0x0f800000u ? special : (a < 0x00800000u ? tiny : normal);
  return as_float(bits | ((h & 0x8000u) << 16));
}

/* f32 to f16 and bf16, to nearest even, by the rules of put: one NaN, no -0. */
#define CLOSS_DEFINE_HALF(SUFFIX, UINT, FLOAT) CLOSS_DEFINE_HALF_EXPANDED(SUFFIX, UINT, FLOAT)
#define CLOSS_DEFINE_HALF_EXPANDED(SUFFIX, UINT, FLOAT)                                                                \
  CLOSS_INLINE UINT closs_to_f16##SUFFIX(FLOAT v) {                                                                    \
    UINT u = as_##UINT(v);                                                                                             \
    UINT a = u & 0x7fffffffu;                                                                                          \
    UINT normal = (a + 0xfffu + ((a >> 13) & 1u) - 0x38000000u) >> 13;                                                 \
    UINT tiny = as_##UINT(as_##FLOAT(a) + 0.5f) - 0x3f000000u;                                                         \
    UINT h = a < (UINT)(0x38800000u) ? tiny : (a >= (UINT)(0x477ff000u) ? (UINT)(0x7c00u) : normal);                   \
    h = h == (UINT)(0u) ? h : (h | ((u >> 16) & 0x8000u));                                                             \
    return a > (UINT)(0x7f800000u) ? (UINT)(0x7e00u) : h;                                                              \
  }                                                                                                                    \
  CLOSS_INLINE UINT closs_to_bf16##SUFFIX(FLOAT v) {                                                                   \
    UINT u = as_##UINT(v);                                                                                             \
    UINT a = u & 0x7fffffffu;                                                                                          \
    UINT h = (a + 0x7fffu + ((a >> 16) & 1u)) >> 16;                                                                   \
    h = h == (UINT)(0u) ? h : (h | ((u >> 16) & 0x8000u));                                                             \
    return a > (UINT)(0x7f800000u) ? (UINT)(0x7fc0u) : h;                                                              \
  }
CLOSS_DEFINE_HALF(, uint, float)
CLOSS_DEFINE_HALF(_value, CLOSS_JOIN(uint, CLOSS_N), CLOSS_JOIN(float, CLOSS_N))

/* put: what is stored is the one NaN, never -0. */
CLOSS_INLINE closs_real closs_put(closs_real v) {
  closs_bits u = closs_as_bits(v);
  u = (u & ~CLOSS_SIGN) > CLOSS_INFINITY_BITS ? CLOSS_NAN_BITS : u;
  return closs_as_real(u == CLOSS_SIGN ? 0u : u);
}

CLOSS_INLINE closs_value closs_put_value(closs_value v) {
  closs_value_bits u = closs_as_value_bits(v);
  u = (u & ~CLOSS_SIGN) > (closs_value_bits)(CLOSS_INFINITY_BITS) ? (closs_value_bits)(CLOSS_NAN_BITS) : u;
  return closs_as_value(u == (closs_value_bits)(CLOSS_SIGN) ? (closs_value_bits)(0) : u);
}

/* 64-bit integers as two uints, to nearest even: no device integer is needed. */
CLOSS_INLINE closs_real closs_from_64(uint low, uint high, uint is_signed) {
  uint negative = is_signed & (high >> 31);
  if (negative) {
    low = 0u - low;
    high = ~high + (low == 0u);
  }
#ifdef CLOSS_DOUBLE
  closs_real v = (double)high * 4294967296.0 + (double)low;
#else
  /* The leading 32 bits, the last of them sticky, hold all that rounding to 24 needs. */
  uint shift = high ? clz(high) : 32u;
  uint top = shift == 0u ? high : (shift == 32u ? low : (high << shift) | (low >> (32u - shift)));
  uint rest = shift == 32u ? 0u : low << shift;
  closs_real v = (float)(top | (rest != 0u)) * as_float((127u + 32u - shift) << 23);
#endif
  return negative ? -v : v;
}

#ifdef CLOSS_DOUBLE
/* A double to f32 with the last bit sticky: rounding that again, to fewer bits, is rounding once. */
CLOSS_INLINE float closs_round_to_odd(double v) {
  float f = (float)v;
  double back = f;
  uint u = as_uint(f);
  if (back == v || v != v) {
    return f;
  }
  u -= fabs(back) > fabs(v) ? 1u : 0u;
  return as_float(u | 1u);
}
#endif

/* One element of any type, in T; of a complex one its real part. */
CLOSS_INLINE closs_real closs_load(uint type, __global const uchar *base, size_t i) {
  switch (type) {
  case CLOSS_BOOL:
    return base[i] != 0 ? (closs_real)1 : (closs_real)0;
  case CLOSS_I8:
    return ((__global const char *)base)[i];
  case CLOSS_U8:
    return base[i];
  case CLOSS_I16:
    return ((__global const short *)base)[i];
  case CLOSS_U16:
    return ((__global const ushort *)base)[i];
  case CLOSS_I32:
    return (closs_real)((__global const int *)base)[i];
  case CLOSS_U32:
    return (closs_real)((__global const uint *)base)[i];
  case CLOSS_I64:
  case CLOSS_U64:
    return closs_from_64(((__global const uint *)base)[2 * i], ((__global const uint *)base)[2 * i + 1],
                         type == CLOSS_I64);
  case CLOSS_F16:
    return closs_from_f16(((__global const ushort *)base)[i]);
  case CLOSS_BF16:
    return as_float((uint)((__global const ushort *)base)[i] << 16);
  case CLOSS_F32:
    return ((__global const float *)base)[i];
  case CLOSS_C64:
    return ((__global const float *)base)[2 * i];
#ifdef CLOSS_FP64
  case CLOSS_F64:
    return (closs_real)((__global const double *)base)[i];
  case CLOSS_C128:
    return (closs_real)((__global const double *)base)[2 * i];
#endif
  default:
    return 0;
  }
}

#ifdef CLOSS_COMPLEX
CLOSS_INLINE closs_real closs_load_imaginary(uint type, __global const uchar *base, size_t i) {
  switch (type) {
  case CLOSS_C64:
    return ((__global const float *)base)[2 * i + 1];
#ifdef CLOSS_FP64
  case CLOSS_C128:
    return (closs_real)((__global const double *)base)[2 * i + 1];
#endif
  default:
    return 0;
  }
}
#endif

/* One real element, by the rules of put. */
CLOSS_INLINE void closs_store(uint type, __global uchar *base, size_t i, closs_real v) {
#ifdef CLOSS_DOUBLE
  float narrow = type == CLOSS_F64 || type == CLOSS_C128 ? 0.0f : type == CLOSS_F32 ? (float)v : closs_round_to_odd(v);
#else
  float narrow = v;
#endif
  switch (type) {
  case CLOSS_F16:
    ((__global ushort *)base)[i] = (ushort)closs_to_f16(narrow);
    break;
  case CLOSS_BF16:
    ((__global ushort *)base)[i] = (ushort)closs_to_bf16(narrow);
    break;
#ifdef CLOSS_DOUBLE
  case CLOSS_F32: /* rounding may have made a -0 */
    ((__global float *)base)[i] = narrow != narrow ? as_float(0x7fc00000u) : narrow == 0.0f ? 0.0f : narrow;
    break;
  case CLOSS_F64:
    ((__global double *)base)[i] = closs_put(v);
    break;
#else
  case CLOSS_F32:
    ((__global float *)base)[i] = closs_put(v);
    break;
#endif
  default:
    break;
  }
}

/* Components of one element of a result: 2 of a complex one. */
#ifdef CLOSS_COMPLEX
#define CLOSS_COMPONENTS 2u
#else
#define CLOSS_COMPONENTS 1u
#endif

/* Component `part` of an element of a gradient, written or added to what is stored. A real gradient has no imaginary
 * part. */
CLOSS_INLINE void closs_store_gradient(uint type, __global uchar *base, size_t i, uint part, closs_real v,
                                       bool accumulate) {
#ifdef CLOSS_COMPLEX
  if (type == CLOSS_C64 || type == CLOSS_C128) {
    type = type == CLOSS_C64 ? CLOSS_F32 : CLOSS_F64;
    i = 2 * i + part;
  } else if (part != 0) {
    return;
  }
#endif
  if (accumulate) {
    v = closs_load(type, base, i) + v;
  }
  closs_store(type, base, i, v);
}
