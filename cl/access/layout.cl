/*
 * How operands lie: an array of indices made by the host (src/plan/layout.c), two spaces of dimensions, innermost
 * first, collapsed. A pass has terms only; a sum by columns has a column for each index of the second space.
 */
#ifdef CLOSS_WIDE
typedef long closs_index;
typedef ulong closs_unsigned_index;
#else
typedef int closs_index;
typedef uint closs_unsigned_index;
#endif

#define CLOSS_MAX_RANK 8u
#define CLOSS_SPACE_TERMS 0u
#define CLOSS_SPACE_COLUMNS (1u + CLOSS_MAX_RANK + CLOSS_MAX_RANK * CLOSS_SLOTS)
/* A space: its rank, its sizes, and the strides of each slot. */
#define CLOSS_RANK(layout, space) ((uint)(layout)[space])
#define CLOSS_SIZE(layout, space, d) ((layout)[(space) + 1u + (d)])
#define CLOSS_STRIDE(layout, space, slot, d) ((layout)[(space) + 1u + CLOSS_MAX_RANK * (1u + (slot)) + (d)])
