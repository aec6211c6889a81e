/* Contiguous access: all arrays have one type and lie in row-major order, so that neighbouring lanes are one vector. */

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
