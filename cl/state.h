/*
 * The layout of a state: CLOSS_STATE_WORDS words of 32 bits, then as T (float or double) the pairs (s, c) of
 * CLOSS_STATE_TREES blocks, then those of a chunk's lanes. All in native byte order. Read by extend.cl, of whose text
 * it is a part, and by the host.
 *
 * The blocks are those of the canonical sum, left to right, unused ones 0. The lanes are those of the chunk that the
 * end lies in, all 0 where the end is at a chunk's end.
 */
#ifndef CLOSS_CL_STATE_H
#define CLOSS_CL_STATE_H

/* Words: which is at which place. */
#define CLOSS_STATE_MAGIC 0u
#define CLOSS_STATE_DTYPE 1u /* of the pairs, as closs_dtype */
#define CLOSS_STATE_BEGIN 2u /* terms: two words each, the low one first */
#define CLOSS_STATE_END 4u
#define CLOSS_STATE_ERROR 6u /* not 0: a piece did not go on from the end of the one before */
#define CLOSS_STATE_WORDS 8u /* the last one is 0 */

#define CLOSS_STATE_MAGIC_VALUE 0x634c5331u
#define CLOSS_STATE_TREES 64u

#endif
