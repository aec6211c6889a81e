/* A call of `closs loss`: what was asked, the arrays, and the results. */
#ifndef PROGRAM_LOSS_CALL_H
#define PROGRAM_LOSS_CALL_H

#include "closs/host.h"
#include "devices.h"
#include "operand.h"
#include "output.h"
#include "parameters.h"
#include "timing.h"

/* A result in memory. */
struct result {
  closs_tensor tensor;
  void *data;
  void *single; /* bf16 as f32, where it is written to a file: NumPy has no bf16 */
  char header[384];
  struct output *file; /* NULL: not written to one */
  void *map;           /* the file itself, with `data` in it; NULL: `data` is from malloc() */
  size_t map_size;
};

struct loss_call {
  const struct arguments *arguments;
  const closs_loss_info *info;
  closs_plan_options options;
  struct parameters parameters;
  closs_dtype dtype; /* --dtype; 0: the operands' own */
  uint64_t memory;   /* --memory; 0: what the device has */
  bool has_weight;
  bool has_upstream_array; /* else arrays.upstream_value */
  struct operand input, target, weight, upstream;
  closs_arrays arrays;
  struct outputs outputs;
  struct open_device device;
  struct result loss, input_gradient, target_gradient;
  struct output *picture;
  void *picture_bytes;
  /* After the computation: */
  uint64_t terms;
  const char *schedule; /* NULL where nothing ran */
  const char *program;
  closs_timing timing;
  double started; /* by seconds_now() */
};

/* What the options ask for, without opening a file: loss_options.c. */
bool loss_call_parse(struct loss_call *call, const struct arguments *arguments, struct failure *failure);

/* The operands: loss_options.c. */
bool loss_call_read(struct loss_call *call, struct failure *failure);

/* Everything that is asked for, in memory: loss_compute.c. */
bool loss_call_compute(struct loss_call *call, struct failure *failure);

/* The unreduced loss as a grey picture, handed to call->picture: loss_picture.c. */
bool loss_call_picture(struct loss_call *call, struct failure *failure);

/*
 * Plans, takes memory for, and computes what `options` ask for, in one piece or streamed; fills results whose output is
 * wanted.
 */
bool loss_call_run(struct loss_call *call, const closs_plan_options *options, struct result *loss,
                   struct failure *failure);

/* Keeps how the first plan ran, for what is printed: call->schedule and call->program. */
void loss_call_note(struct loss_call *call, const closs_plan *plan);

/* The result on stdout: loss_print.c. */
void loss_call_print(const struct loss_call *call);

#endif
