/*
 * Flags of a launch: what is there, and what is wanted. Read by the kernels, of whose text it is the first part, and by
 * the host.
 */
#ifndef CLOSS_CL_FLAGS_H
#define CLOSS_CL_FLAGS_H

/* pass.cl */
#define CLOSS_FLAG_SUM 0x1u             /* the loss is summed */
#define CLOSS_FLAG_STORE_LOSS 0x2u      /* the loss of each element is stored */
#define CLOSS_FLAG_INPUT_GRADIENT 0x4u  /* the gradient of the input is stored */
#define CLOSS_FLAG_TARGET_GRADIENT 0x8u /* the gradient of the target is stored */
#define CLOSS_FLAG_TERM_WEIGHT 0x10u    /* the terms of the sum are the weights; operands are not read */
#define CLOSS_FLAG_STREAM 0x20u         /* stores go past the cache where the address is aligned */
#define CLOSS_FLAG_FINISH 0x40u         /* one work-item does all of a sum: it writes the result itself */
#define CLOSS_FLAG_PIECE 0x80u          /* a piece of a sum: chunks and lanes are left for a state */

/* columns.cl, and pass.cl where it sums a gradient */
#define CLOSS_FLAG_TERM_SCALED 0x100u      /* the terms are multiplied by the upstream gradient (reduction none) */
#define CLOSS_FLAG_COLUMN_TARGET 0x200u    /* the gradient is that of the target, else of the input */
#define CLOSS_FLAG_COLUMN_BLOCKS 0x400000u /* a work-item does neighbouring columns: CLOSS_BLOCK_VALUES vectors */

/* The vectors of a block of columns. */
#define CLOSS_BLOCK_VECTORS 4

/* merge.cl, or whoever finishes: what the result is */
#define CLOSS_FLAG_RESULT_COLUMN 0x400u /* a gradient; neither bit: the loss */
#define CLOSS_FLAG_RESULT_FACTOR 0x800u /* the weights' sum and its reciprocal, to the workspace */

/* all */
#define CLOSS_FLAG_WEIGHT_ARRAY 0x1000u
#define CLOSS_FLAG_WEIGHT_SCALAR 0x2000u
#define CLOSS_FLAG_UPSTREAM_ARRAY 0x4000u
#define CLOSS_FLAG_UPSTREAM_SCALAR 0x8000u /* one element of device memory; neither bit: the argument g */
#define CLOSS_FLAG_MEAN 0x10000u           /* sum and scale of gradients are multiplied by the mean's factor */
#define CLOSS_FLAG_OVER_WEIGHTS 0x20000u   /* which is the reciprocal of the weights' sum, in the workspace */
#define CLOSS_FLAG_ACCUMULATE_INPUT 0x40000u
#define CLOSS_FLAG_ACCUMULATE_TARGET 0x80000u

/* pass.cl: the terms of the sum are those of a gradient, */
#define CLOSS_FLAG_TERM_SLOPE 0x100000u /* or of its real part; with CLOSS_FLAG_TERM_SCALED times the upstream one */
#define CLOSS_FLAG_TERM_IMAGINARY 0x200000u /* beside it: of its imaginary part */

#endif
