/* The canonical sum and what is done with its pairs: docs/numerics.md, operation by operation. */

typedef struct {
  closs_real s;
  closs_real c;
} closs_pair;

/* The lanes of a chunk that a work-item has. */
typedef struct {
  closs_value s[CLOSS_VALUES];
  closs_value c[CLOSS_VALUES];
} closs_lanes;

CLOSS_INLINE void closs_lanes_clear(closs_lanes *lanes) {
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    lanes->s[v] = CLOSS_VALUE(0);
    lanes->c[v] = CLOSS_VALUE(0);
  }
}

/* Lanes in memory: s and c of each, in turn. */
CLOSS_INLINE void closs_load_lanes(closs_lanes *lanes, __global const closs_real *from, uint first_lane) {
  closs_tile s, c;
  for (uint j = 0; j < CLOSS_TILE_LANES; j++) {
    s.lane[j] = from[2u * (first_lane + j)];
    c.lane[j] = from[2u * (first_lane + j) + 1u];
  }
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    lanes->s[v] = s.value[v];
    lanes->c[v] = c.value[v];
  }
}

CLOSS_INLINE void closs_lanes_to_tiles(const closs_lanes *lanes, closs_tile *s, closs_tile *c) {
  for (uint v = 0; v < CLOSS_VALUES; v++) {
    s->value[v] = lanes->s[v];
    c->value[v] = lanes->c[v];
  }
}

CLOSS_INLINE void closs_store_lanes(const closs_lanes *lanes, __global closs_real *to) {
  closs_tile s, c;
  closs_lanes_to_tiles(lanes, &s, &c);
  for (uint j = 0; j < CLOSS_TILE_LANES; j++) {
    to[2u * j] = s.lane[j];
    to[2u * j + 1u] = c.lane[j];
  }
}

CLOSS_INLINE void closs_store_pair(__global closs_real *pairs, size_t i, closs_pair pair) {
  pairs[2 * i] = pair.s;
  pairs[2 * i + 1] = pair.c;
}

/* (s, c) takes up a term. */
CLOSS_INLINE void closs_add(closs_value *s, closs_value *c, closs_value x) {
  closs_value a = *s;
  closs_value t = a + x;
  closs_value z = t - a;
  closs_value e = (a - (t - z)) + (x - z);
  *s = t;
  *c = *c + e;
}

#define CLOSS_DEFINE_MERGE(NAME, TYPE)                                                                                 \
  CLOSS_INLINE void NAME(TYPE *s, TYPE *c, TYPE s2, TYPE c2) {                                                         \
    TYPE a = *s;                                                                                                       \
    TYPE t = a + s2;                                                                                                   \
    TYPE z = t - a;                                                                                                    \
    TYPE e = (a - (t - z)) + (s2 - z);                                                                                 \
    *s = t;                                                                                                            \
    *c = (*c + c2) + e;                                                                                                \
  }

CLOSS_DEFINE_MERGE(closs_merge_1, closs_real)
#ifndef CLOSS_GROUP
CLOSS_DEFINE_MERGE(closs_merge_value, closs_value)
#if CLOSS_VALUE_WIDTH > 1
#ifdef CLOSS_DOUBLE
CLOSS_DEFINE_MERGE(closs_merge_4, double4)
CLOSS_DEFINE_MERGE(closs_merge_2, double2)
typedef double8 closs_real8;
typedef double4 closs_real4;
typedef double2 closs_real2;
#else
CLOSS_DEFINE_MERGE(closs_merge_8, float8)
CLOSS_DEFINE_MERGE(closs_merge_4, float4)
CLOSS_DEFINE_MERGE(closs_merge_2, float2)
typedef float8 closs_real8;
typedef float4 closs_real4;
typedef float2 closs_real2;
#endif
#endif

/* The 64 lanes to one pair: lane j takes lane j + h, h = 32, 16, ... 1. */
CLOSS_INLINE closs_pair closs_merge_lanes(closs_lanes *lanes) {
  closs_value *s = lanes->s;
  closs_value *c = lanes->c;
  for (uint h = CLOSS_VALUES / 2; h > 0; h /= 2) {
    for (uint v = 0; v < h; v++) {
      closs_merge_value(&s[v], &c[v], s[v + h], c[v + h]);
    }
  }
  closs_pair p;
#if CLOSS_VALUE_WIDTH == 1
  p.s = s[0];
  p.c = c[0];
#else
#ifdef CLOSS_DOUBLE
  closs_real8 s8 = s[0], c8 = c[0];
#else
  closs_real8 s8 = s[0].lo, c8 = c[0].lo;
  closs_merge_8(&s8, &c8, s[0].hi, c[0].hi);
#endif
  closs_real4 s4 = s8.lo, c4 = c8.lo;
  closs_merge_4(&s4, &c4, s8.hi, c8.hi);
  closs_real2 s2 = s4.lo, c2 = c4.lo;
  closs_merge_2(&s2, &c2, s4.hi, c4.hi);
  p.s = s2.lo;
  p.c = c2.lo;
  closs_merge_1(&p.s, &p.c, s2.hi, c2.hi);
#endif
  return p;
}
#endif

CLOSS_INLINE closs_pair closs_make_pair(closs_real s, closs_real c) {
  closs_pair p;
  p.s = s;
  p.c = c;
  return p;
}

CLOSS_INLINE closs_pair closs_merge_pairs(closs_pair a, closs_pair b) {
  closs_merge_1(&a.s, &a.c, b.s, b.c);
  return a;
}

/*
 * Neighbouring blocks merged level by level, as a binary counter does it: the stack holds the finished blocks, sizes
 * falling. What an odd last block passes up as it is, closs_stack_fold() merges in the end.
 */
typedef struct {
  closs_pair block[32];
  uint top;
} closs_stack;

/* Takes up block number `index`, 0 first. */
CLOSS_INLINE void closs_stack_push(closs_stack *stack, uint index, closs_pair p) {
  for (; index & 1u; index >>= 1) {
    stack->top--;
    p = closs_merge_pairs(stack->block[stack->top], p);
  }
  stack->block[stack->top] = p;
  stack->top++;
}

CLOSS_INLINE closs_pair closs_stack_fold(closs_stack *stack) {
  closs_pair p = stack->block[stack->top - 1u];
  for (uint i = stack->top - 1u; i > 0u; i--) {
    p = closs_merge_pairs(stack->block[i - 1u], p);
  }
  return p;
}

/* All of an array of pairs. */
CLOSS_INLINE closs_pair closs_merge_states(__global const closs_real *states, uint items) {
  closs_stack stack;
  stack.top = 0;
  for (uint i = 0; i < items; i++) {
    closs_stack_push(&stack, i, closs_make_pair(states[2 * (size_t)i], states[2 * (size_t)i + 1]));
  }
  return closs_stack_fold(&stack);
}

CLOSS_INLINE bool closs_is_finite(closs_real v) {
  return (closs_as_bits(v) & ~CLOSS_SIGN) < CLOSS_INFINITY_BITS;
}

CLOSS_INLINE closs_real closs_pair_value(closs_pair p) {
  return closs_is_finite(p.s) ? p.s + p.c : p.s;
}

#ifdef CLOSS_DOUBLE
#define CLOSS_SPLIT_MASK 0xfffffffff8000000UL
#define CLOSS_MANTISSA 52
#define CLOSS_BIAS 1023
#define CLOSS_SMALL_FIELD 53
#define CLOSS_PRESCALE 108
#define CLOSS_RECIP_START 0x7fde623822fc16e6UL
#define CLOSS_RSQRT_START 0x5fe6eb50c7b537a9UL
#define CLOSS_NEWTON_STEPS 5
#else
#define CLOSS_SPLIT_MASK 0xfffff000u
#define CLOSS_MANTISSA 23
#define CLOSS_BIAS 127
#define CLOSS_SMALL_FIELD 24
#define CLOSS_PRESCALE 48
#define CLOSS_RECIP_START 0x7ef311c7u
#define CLOSS_RSQRT_START 0x5f3759dfu
#define CLOSS_NEWTON_STEPS 4
#endif

CLOSS_INLINE closs_real closs_high(closs_real a) {
  return closs_as_real(closs_as_bits(a) & CLOSS_SPLIT_MASK);
}

/* a * b - p, where p is a * b rounded. */
CLOSS_INLINE closs_real closs_product_error(closs_real a, closs_real b, closs_real p) {
  closs_real ah = closs_high(a), al = a - ah;
  closs_real bh = closs_high(b), bl = b - bh;
  closs_real e = ah * bh - p;
  e = e + ah * bl;
  e = e + al * bh;
  return e + al * bl;
}

CLOSS_INLINE closs_real closs_pair_times(closs_pair a, closs_pair factor) {
  closs_real p = a.s * factor.s;
  if (!closs_is_finite(p)) {
    return p;
  }
  closs_real e = closs_product_error(a.s, factor.s, p);
  closs_real k = a.s * factor.c + a.c * factor.s;
  return p + (e + k);
}

CLOSS_INLINE closs_pair closs_two_sum(closs_real a, closs_real b) {
  closs_real t = a + b;
  closs_real z = t - a;
  return closs_make_pair(t, (a - (t - z)) + (b - z));
}

CLOSS_INLINE int closs_field(closs_real v) {
  return (int)((closs_as_bits(v) & ~CLOSS_SIGN) >> CLOSS_MANTISSA);
}

/* 2^n for a normal result. */
CLOSS_INLINE closs_real closs_power(int n) {
  return closs_as_real((closs_bits)(n + CLOSS_BIAS) << CLOSS_MANTISSA);
}

/* The factor that brings |v| (finite, not 0) into [1, 4), in two steps: v * first * second; and the power of two taken
 * out. */
typedef struct {
  closs_real first;
  closs_real second;
  int power;
} closs_scaling;

CLOSS_INLINE closs_scaling closs_normal(closs_real v) {
  closs_scaling scaling;
  bool small = closs_field(v) <= CLOSS_SMALL_FIELD;
  scaling.first = small ? closs_power(CLOSS_PRESCALE) : (closs_real)1;
  int field = min(closs_field(v * scaling.first), 2 * CLOSS_BIAS - 1);
  scaling.second = closs_power(CLOSS_BIAS - field);
  scaling.power = field - CLOSS_BIAS - (small ? CLOSS_PRESCALE : 0);
  return scaling;
}

/* v * 2^n */
CLOSS_INLINE closs_real closs_scale(closs_real v, int n) {
  for (; n > CLOSS_BIAS - 1; n -= CLOSS_BIAS - 1) {
    v = v * closs_power(CLOSS_BIAS - 1);
  }
  for (; n < 1 - CLOSS_BIAS; n += CLOSS_BIAS - 1) {
    v = v * closs_power(1 - CLOSS_BIAS);
  }
  return v * closs_power(n);
}

/* About 1 / w, for w in [1, 4). */
CLOSS_INLINE closs_real closs_recip(closs_real w) {
  closs_real y = closs_as_real(CLOSS_RECIP_START - closs_as_bits(w));
  for (int i = 0; i < CLOSS_NEWTON_STEPS; i++) {
    closs_real t = w * y;
    t = (closs_real)2 - t;
    y = y * t;
  }
  return y;
}

/* About 1 / sqrt(h), for h in [1, 32). */
CLOSS_INLINE closs_real closs_rsqrt(closs_real h) {
  closs_real y = closs_as_real(CLOSS_RSQRT_START - (closs_as_bits(h) >> 1));
  closs_real half_h = (closs_real)0.5f * h;
  for (int i = 0; i < CLOSS_NEWTON_STEPS; i++) {
    closs_real t = half_h * y;
    t = t * y;
    t = (closs_real)1.5f - t;
    y = y * t;
  }
  return y;
}

/* A pair as a number in +-[1, 4), its tail, and a power of two; a negative one is turned round. */
typedef struct {
  closs_real head;
  closs_real tail;
  int power;
  bool negative;
} closs_scaled_pair;

CLOSS_INLINE closs_scaled_pair closs_scale_pair(closs_pair a) {
  closs_pair t = closs_two_sum(a.s, a.c);
  closs_scaling k = closs_normal(t.s);
  closs_scaled_pair r;
  r.negative = t.s < 0;
  r.head = (t.s * k.first) * k.second;
  r.tail = (t.c * k.first) * k.second;
  r.head = r.negative ? -r.head : r.head;
  r.tail = r.negative ? -r.tail : r.tail;
  r.power = k.power;
  return r;
}

/* (S, C) / (W, D): the weighted mean. */
CLOSS_INLINE closs_real closs_quotient(closs_pair a, closs_pair b) {
  closs_real u = closs_pair_value(a), v = closs_pair_value(b);
  bool u_infinite = !closs_is_finite(u), v_infinite = !closs_is_finite(v);
  if (u != u || v != v || (u_infinite && v_infinite) || (u == 0 && v == 0)) {
    return closs_as_real(CLOSS_NAN_BITS);
  }
  if (u_infinite || v == 0) {
    return closs_as_real(CLOSS_INFINITY_BITS | ((u < 0) != (v < 0) ? CLOSS_SIGN : 0u));
  }
  if (u == 0 || v_infinite) {
    return 0;
  }
  closs_scaled_pair n = closs_scale_pair(a), d = closs_scale_pair(b);
  closs_real y = closs_recip(d.head);
  closs_real q = n.head * y;
  closs_real p = q * d.head;
  closs_real e = closs_product_error(q, d.head, p);
  closs_real r = ((n.head - p) - e) + (n.tail - q * d.tail);
  q = closs_scale(q + r * y, n.power - d.power);
  return n.negative != d.negative ? -q : q;
}

/* 1 / (W, D) as a factor, for the gradients of a weighted mean. */
CLOSS_INLINE closs_pair closs_reciprocal(closs_pair b) {
  closs_real v = closs_pair_value(b);
  if (v != v || v == 0 || !closs_is_finite(v)) {
    return closs_make_pair(v != v ? v : v == 0 ? closs_as_real(CLOSS_INFINITY_BITS) : 0, 0);
  }
  closs_scaled_pair d = closs_scale_pair(b);
  closs_real y = closs_recip(d.head);
  closs_real p = y * d.head;
  closs_real r = (((closs_real)1 - p) - closs_product_error(y, d.head, p)) - y * d.tail;
  closs_real high = y + r * y;
  p = high * d.head;
  r = (((closs_real)1 - p) - closs_product_error(high, d.head, p)) - high * d.tail;
  closs_real low = r * y;
  high = closs_scale(high, -d.power);
  low = closs_scale(low, -d.power);
  return d.negative ? closs_make_pair(-high, -low) : closs_make_pair(high, low);
}
