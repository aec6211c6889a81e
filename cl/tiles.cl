/* The arrays of a launch, and rows of their elements in private memory. */

typedef struct {
  __global const uchar *input, *target, *weight, *upstream;
  __global uchar *loss, *input_gradient, *target_gradient;
  size_t at[CLOSS_SLOTS]; /* offsets in elements */
} closs_arrays;

/* The array of one of the first four slots. */
CLOSS_INLINE __global const uchar *closs_operand(const closs_arrays *arrays, uint slot) {
  return slot == CLOSS_SLOT_INPUT    ? arrays->input
         : slot == CLOSS_SLOT_TARGET ? arrays->target
         : slot == CLOSS_SLOT_WEIGHT ? arrays->weight
                                     : arrays->upstream;
}

/* Likewise, of any slot. */
CLOSS_INLINE __global const uchar *closs_array(const closs_arrays *arrays, uint slot) {
  return slot < CLOSS_SLOT_LOSS              ? closs_operand(arrays, slot)
         : slot == CLOSS_SLOT_LOSS           ? arrays->loss
         : slot == CLOSS_SLOT_INPUT_GRADIENT ? arrays->input_gradient
                                             : arrays->target_gradient;
}

/* Where a slot's array begins. By selection, as above: arrays with an index that varies are not kept in registers. */
CLOSS_INLINE size_t closs_origin(const closs_arrays *arrays, uint slot) {
  return slot == CLOSS_SLOT_INPUT            ? arrays->at[CLOSS_SLOT_INPUT]
         : slot == CLOSS_SLOT_TARGET         ? arrays->at[CLOSS_SLOT_TARGET]
         : slot == CLOSS_SLOT_WEIGHT         ? arrays->at[CLOSS_SLOT_WEIGHT]
         : slot == CLOSS_SLOT_UPSTREAM       ? arrays->at[CLOSS_SLOT_UPSTREAM]
         : slot == CLOSS_SLOT_LOSS           ? arrays->at[CLOSS_SLOT_LOSS]
         : slot == CLOSS_SLOT_INPUT_GRADIENT ? arrays->at[CLOSS_SLOT_INPUT_GRADIENT]
                                             : arrays->at[CLOSS_SLOT_TARGET_GRADIENT];
}

/* The weight of every element where it is one number, else 1. */
CLOSS_INLINE closs_real closs_scalar_weight(uint flags, uint types, const closs_arrays *arrays) {
  return flags & CLOSS_FLAG_WEIGHT_SCALAR
             ? closs_load(CLOSS_TYPE(types, CLOSS_SLOT_WEIGHT), arrays->weight, arrays->at[CLOSS_SLOT_WEIGHT])
             : (closs_real)1;
}

/*
 * The tiles of a row: those of the operands, and later of their gradients; of weights, and later of losses; of upstream
 * gradients; of imaginary parts.
 */
#define CLOSS_TILE_X 0u
#define CLOSS_TILE_Y 1u
#define CLOSS_TILE_W 2u
#define CLOSS_TILE_LOSS 2u
#define CLOSS_TILE_K 3u
#define CLOSS_TILE_X_IMAGINARY 4u
#define CLOSS_TILE_Y_IMAGINARY 5u
#ifdef CLOSS_COMPLEX
#define CLOSS_TILES 6u
#else
#define CLOSS_TILES 4u
#endif
/* A tile's bit, with that of its imaginary parts. */
#define CLOSS_WITH_IMAGINARY (CLOSS_TILES > 4u ? 0x11u : 0x1u)

/* Which tiles are read from arrays, a bit each. */
CLOSS_INLINE uint closs_weight_tiles(uint flags) {
  return flags & CLOSS_FLAG_WEIGHT_ARRAY ? 1u << CLOSS_TILE_W : 0u;
}

CLOSS_INLINE uint closs_operand_tiles(uint flags) {
  return CLOSS_WITH_IMAGINARY << CLOSS_TILE_X | CLOSS_WITH_IMAGINARY << CLOSS_TILE_Y |
         (flags & CLOSS_FLAG_UPSTREAM_ARRAY ? 1u << CLOSS_TILE_K : 0u);
}

/* What tiles hold where nothing is read into them: the weight, whose sum may be asked for, and zeros. */
CLOSS_INLINE void closs_clear_tiles(closs_tile *tiles, closs_real w) {
  for (uint t = 0; t < CLOSS_TILES; t++) {
    for (uint v = 0; v < CLOSS_VALUES; v++) {
      tiles[t].value[v] = (closs_value)(t == CLOSS_TILE_W ? w : (closs_real)0);
    }
  }
}
