/* Contiguous access: all arrays have one type and lie in row-major order, so that neighbouring lanes are one vector. */

#if CLOSS_STORAGE == 12
typedef float closs_stored;
typedef CLOSS_JOIN(float, CLOSS_N) closs_stored_value;
#elif CLOSS_STORAGE == 13
typedef double closs_stored;
typedef CLOSS_JOIN(double, CLOSS_N) closs_stored_value;
#else
typedef ushort closs_stored;
typedef CLOSS_JOIN(ushort, CLOSS_N) closs_stored_value;
#endif
/* Arrays are aligned to their element alone; loads and stores must say so. */
typedef closs_stored_value closs_unaligned_value __attribute__((aligned(sizeof(closs_stored))));

CLOSS_INLINE closs_value closs_load_value(__global const closs_stored *p) {
  closs_stored_value v = *(__global const closs_unaligned_value *)p;
#if CLOSS_STORAGE == 10
  return closs_from_f16_value(CLOSS_JOIN(convert_uint, CLOSS_N)(v));
#elif CLOSS_STORAGE == 11
  return closs_as_value(CLOSS_JOIN(convert_uint, CLOSS_N)(v) << 16);
#else
  return v;
#endif
}

CLOSS_INLINE closs_stored_value closs_stored_form(closs_value v) {
#if CLOSS_STORAGE == 10
  return CLOSS_JOIN(convert_ushort, CLOSS_N)(closs_to_f16_value(v));
#elif CLOSS_STORAGE == 11
  return CLOSS_JOIN(convert_ushort, CLOSS_N)(closs_to_bf16_value(v));
#else
  return closs_put_value(v);
#endif
}

#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define CLOSS_HAS_STREAM
#endif
#endif

CLOSS_INLINE void closs_store_value(__global closs_stored *p, closs_value v, bool stream) {
#ifdef CLOSS_HAS_STREAM
  if (stream) {
    __builtin_nontemporal_store(closs_stored_form(v), (__global closs_stored_value *)p);
    return;
  }
#endif
  *(__global closs_unaligned_value *)p = closs_stored_form(v);
}

/* Streaming stores go through naturally aligned pointers only. */
CLOSS_INLINE bool closs_can_stream(__global const void *p) {
  return ((size_t)p & (sizeof(closs_stored_value) - 1)) == 0;
}

/* A row's elements [low, high), the first of them element `term` of an array; counted in lanes of a tile. */
CLOSS_INLINE void closs_gather_row(__global const uchar *base, size_t term, uint low, uint high, closs_real *lanes) {
  for (uint j = low; j < high; j++) {
    lanes[j] = closs_load(CLOSS_STORAGE, base, term + (j - low));
  }
}

CLOSS_INLINE void closs_scatter_row(__global uchar *base, size_t term, uint low, uint high, const closs_real *lanes,
                                    bool accumulate) {
  for (uint j = low; j < high; j++) {
    closs_store_gradient(CLOSS_STORAGE, base, term + (j - low), 0u, lanes[j], accumulate);
  }
}
