/* closs bench: what is measured, and with what. */
#ifndef PROGRAM_BENCH_H
#define PROGRAM_BENCH_H

#include "closs/plan.h"
#include "devices.h"
#include "output.h"
#include "plot.h"

enum bench_work {
  BENCH_FORWARD,  /* the loss: two arrays read */
  BENCH_GRADIENT, /* both gradients without the loss: two read, two written */
  BENCH_FUSED,    /* loss and both gradients in one pass */
  BENCH_WORKS
};
extern const char *const bench_work_names[BENCH_WORKS];

/* What the device's own kernels do with arrays of the same size: read two, or read two and write two. */
enum bench_yardstick { BENCH_READ, BENCH_COPY, BENCH_YARDSTICKS };

/* The yardstick that moves what the work moves. */
enum bench_yardstick bench_yardstick_of(enum bench_work work);

struct bench_row {
  const closs_loss_info *loss;
  closs_dtype dtype;
  uint64_t elements;
  enum bench_work work;
  double seconds;          /* of one enqueue until it is finished; the median */
  double bytes_per_second; /* operands read and results written, once each */
  double share;            /* of the yardstick's bytes per second: the median of the ratios, run by run */
};

/* Two operands and two results on the device. */
enum { BENCH_INPUT, BENCH_TARGET, BENCH_INPUT_GRADIENT, BENCH_TARGET_GRADIENT, BENCH_ARRAYS };

/* One way to read or copy: which is the fastest is for the device to show. */
struct bench_kernel {
  cl_kernel kernel;
  size_t groups, local;
  unsigned word;    /* bytes */
  bool interleaved; /* neighbouring work-items take neighbouring words, else each has a stretch of its own */
};
enum { BENCH_KERNELS = 5 };

struct bench_device {
  const struct open_device *device;
  cl_command_queue queue;
  cl_mem arrays[BENCH_ARRAYS];
  cl_mem sums; /* what reading leaves behind */
  cl_mem loss;
  cl_program program;
  struct bench_kernel kernels[BENCH_YARDSTICKS][BENCH_KERNELS];
  size_t kernel_count[BENCH_YARDSTICKS];
};

/* Queue, kernels of the yardsticks, and arrays of so many bytes; bench_close() also after a failure. */
bool bench_open(struct bench_device *bench, const struct open_device *device, uint64_t largest,
                struct failure *failure);
void bench_close(struct bench_device *bench);

/* Whether four arrays of so many bytes are more than the device takes. */
bool bench_too_large(const struct open_device *device, uint64_t bytes);

/* The kernels that read and copy: bench_yardsticks.c. */
bool bench_yardsticks_make(struct bench_device *bench, struct failure *failure);
bool bench_yardstick_run(struct bench_device *bench, enum bench_yardstick yardstick, const struct bench_kernel *kernel,
                         uint64_t bytes, struct failure *failure);

/*
 * Measures every work of the losses on arrays of one type and size, in turn with the yardsticks.
 * @param[out] rows       one a loss and work, in that order
 * @param[out] bandwidth  bytes per second of the yardsticks
 */
bool bench_measure(struct bench_device *bench, const closs_loss_info *const *losses, size_t count, closs_dtype dtype,
                   uint64_t elements, struct bench_row *rows, double bandwidth[BENCH_YARDSTICKS],
                   struct failure *failure);

/* Draws the shares against the number of elements: bench_plot.c. */
bool bench_plot(struct plot *plot, const char *device, const struct bench_row *rows, size_t count, struct output *file,
                struct failure *failure);

#endif
