/* Contiguous access: all arrays have one type and lie in row-major order, so that a row is CLOSS_VECTORS vectors. */

#if CLOSS_STORAGE == 12
typedef float closs_stored;
typedef float16 closs_stored_vector;
#elif CLOSS_STORAGE == 13
typedef double closs_stored;
typedef double8 closs_stored_vector;
#else
typedef ushort closs_stored;
typedef ushort16 closs_stored_vector;
#endif
/* Arrays are aligned to their element alone; loads and stores must say so. */
typedef closs_stored_vector closs_unaligned_vector __attribute__((aligned(sizeof(closs_stored))));

CLOSS_INLINE closs_vector closs_load_vector(__global const closs_stored *p) {
  closs_stored_vector v = *(__global const closs_unaligned_vector *)p;
#if CLOSS_STORAGE == 10
  return closs_from_f16_vector(convert_uint16(v));
#elif CLOSS_STORAGE == 11
  return as_float16(convert_uint16(v) << 16);
#else
  return v;
#endif
}

CLOSS_INLINE closs_stored_vector closs_stored_form(closs_vector v) {
#if CLOSS_STORAGE == 10
  return convert_ushort16(closs_to_f16_vector(v));
#elif CLOSS_STORAGE == 11
  return convert_ushort16(closs_to_bf16_vector(v));
#else
  return closs_put_vector(v);
#endif
}

#ifdef __has_builtin
#if __has_builtin(__builtin_nontemporal_store)
#define CLOSS_HAS_STREAM
#endif
#endif

CLOSS_INLINE void closs_store_vector(__global closs_stored *p, closs_vector v, bool stream) {
#ifdef CLOSS_HAS_STREAM
  if (stream) {
    __builtin_nontemporal_store(closs_stored_form(v), (__global closs_stored_vector *)p);
    return;
  }
#endif
  *(__global closs_unaligned_vector *)p = closs_stored_form(v);
}

/* Streaming stores go through naturally aligned pointers only. */
CLOSS_INLINE bool closs_can_stream(__global const void *p) {
  return ((size_t)p & (sizeof(closs_stored_vector) - 1)) == 0;
}
