/* closs loss, streamed: one pass over pieces of the operands, on two sets of buffers, so that transfers and kernels
 * overlap. */
#ifndef PROGRAM_LOSS_PASS_H
#define PROGRAM_LOSS_PASS_H

#include "closs/host.h"
#include "closs/partial.h"
#include "devices.h"
#include "pieces.h"

/* What the passes of one computation share. */
struct stream {
  const struct open_device *device;
  const closs_plan_options *options; /* of the whole */
  struct pieces_space space;
  const void *arrays[PIECES_ARRAYS]; /* in host memory */
  double upstream_value;
  uint64_t limit; /* bytes of device memory */
  cl_command_queue transfers, kernels;
  closs_timing timing;              /* kernel: what was waited for, beside the transfers */
  uint64_t terms_done, terms_to_do; /* of all passes */
};

/* Loss, gradient of the input, gradient of the target. */
enum { PASS_RESULTS = 3, PASS_SLOTS = PIECES_ARRAYS + PASS_RESULTS };

/* Device memory of one piece. */
struct pass_set {
  cl_mem memory[PASS_SLOTS];
  bool loaded[PIECES_ARRAYS];
  struct pieces_box boxes[PIECES_ARRAYS]; /* what of the arrays is there */
  cl_event done;                          /* NULL: nothing is to be collected */
  char *results[PASS_RESULTS];            /* where the piece's results go */
  uint64_t bytes[PASS_RESULTS];
  uint64_t terms;
};

struct pass {
  /* Set by the caller: */
  uint32_t outputs;
  uint64_t total_terms;  /* 0: each piece is a computation of its own */
  struct pieces_cut cut; /* the dimensions to walk */
  struct pieces_box box; /* where the others stand */
  double reciprocal[2];  /* of the sum of the weights, where a mean is over them */
  size_t states;         /* how many sums go from piece to piece */

  /* By pass_open(): */
  closs_plan *plans[2]; /* of whole pieces, and of the shorter one at the end; NULL where there is none */
  struct pass_set sets[2];
  void *staging[PIECES_ARRAYS]; /* elements that do not lie without gaps, packed */
  cl_mem workspace, state;
};

/*
 * Chooses the largest pieces that `most` bytes hold, of at least `least` terms. False where there are none: with a
 * failure where that is not for want of memory.
 * @param[in,out] needed  lowered to the fewest bytes that were seen to do
 */
bool pass_find(const struct stream *stream, struct pass *pass, uint64_t least, uint64_t most, uint64_t *needed,
               struct failure *failure);

/* Compiles, and takes the memory; pass_close() also after a failure. */
bool pass_open(struct stream *stream, struct pass *pass, struct failure *failure);
void pass_close(struct pass *pass);

/*
 * Computes one piece after the other, and waits. May be called again, with another box.
 * @param results  where the results go, one piece's behind the other's; NULL where there are none
 * @param states  pass->states begun states, which take in the pieces
 */
bool pass_run(struct stream *stream, struct pass *pass, void *const results[PASS_RESULTS], void *states,
              struct failure *failure);

#endif
