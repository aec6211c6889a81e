/*
 * Pieces of arrays that broadcast to one shape: which terms a piece has, and where their elements lie in memory.
 *
 * A piece is a box of the broadcast shape. A cut walks some of the dimensions: single indices of the outer ones, a
 * range of one, all of the inner ones; so its pieces are runs of terms in row-major order of the dimensions walked.
 */
#ifndef PROGRAM_PIECES_H
#define PROGRAM_PIECES_H

#include <stdbool.h>
#include <stddef.h>

#include "closs/types.h"

/* Input, target, weight, upstream. */
enum { PIECES_ARRAYS = 4 };

/*
 * The broadcast shape without dimensions of length 1, those that lie behind each other in every array made one; and the
 * arrays along it: strides in elements, 0 where an array is repeated.
 */
struct pieces_space {
  uint32_t rank;
  uint64_t shape[CLOSS_MAX_RANK];
  int64_t strides[PIECES_ARRAYS][CLOSS_MAX_RANK];
};

struct pieces_box {
  uint64_t first[CLOSS_MAX_RANK];
  uint64_t length[CLOSS_MAX_RANK];
};

struct pieces_cut {
  uint32_t dims[CLOSS_MAX_RANK]; /* those that are walked, the outermost first */
  uint32_t count;                /* of them; may be 0: one piece */
  uint32_t at;                   /* the one, counted among `dims`, that has ranges */
  uint64_t length;               /* of a range; the last may be shorter */
};

/* The space of arrays that broadcast to `shape` (contiguous or in Fortran order; NULL: not there). */
void pieces_space_make(struct pieces_space *space, const closs_tensor *shape,
                       const closs_tensor *const arrays[PIECES_ARRAYS]);

/* All of the space. */
struct pieces_box pieces_whole(const struct pieces_space *space);

/* The dimensions that an array has (or, with `has` false, lacks), to be walked. */
struct pieces_cut pieces_walk(const struct pieces_space *space, int array, bool has);

/* Every dimension, to be walked. */
struct pieces_cut pieces_walk_all(const struct pieces_space *space);

/* Sets the dimensions walked to the first piece, and to the one behind; false where there is none. */
void pieces_begin(const struct pieces_space *space, const struct pieces_cut *cut, struct pieces_box *box);
bool pieces_next(const struct pieces_space *space, const struct pieces_cut *cut, struct pieces_box *box);

/*
 * Whether pieces of a cut's length can be had. A cut that is asked for is complete, but for the result of the question.
 */
typedef bool (*pieces_fit)(void *user, const struct pieces_cut *cut);

/*
 * Fills in `at` and `length`: the largest pieces that fit, counted in terms of the dimensions walked; at least `least`
 * where there are so many, and a multiple of it where one can be had.
 */
bool pieces_find(const struct pieces_space *space, uint64_t least, pieces_fit fit, void *user, struct pieces_cut *cut);

/* How many terms a box has, and elements of an array. */
uint64_t pieces_terms(const struct pieces_space *space, const struct pieces_box *box);
uint64_t pieces_elements(const struct pieces_space *space, int array, const struct pieces_box *box);

/* Whether an array has the same elements in both boxes. */
bool pieces_same(const struct pieces_space *space, int array, const struct pieces_box *a, const struct pieces_box *b);

/* An array's elements in a box, packed in the order in which they lie in memory; of the space's rank. */
closs_tensor pieces_tensor(const struct pieces_space *space, int array, const struct pieces_box *box,
                           closs_dtype dtype);

/*
 * The place of a box's elements of `size` bytes, in the order of pieces_tensor(), where they lie without gaps; else
 * NULL.
 */
const void *pieces_find_run(const struct pieces_space *space, int array, const struct pieces_box *box, size_t size,
                            const void *data);

/* Packs them. */
void pieces_pack(const struct pieces_space *space, int array, const struct pieces_box *box, size_t size,
                 const void *data, void *packed);

#endif
