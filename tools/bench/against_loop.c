/*
 * Times closs against plain OpenMP loops over the same arrays, a kernel without work and a sum without compensation, in
 * one run; needs nothing but this build. peers.py has the other peers.
 *
 *     bench_against_loop [LOSS] [log2 of the elements] [runs]
 *
 * Reduction mean, operands in host memory that the device uses in place. Each run times every contender once, in turn;
 * the figures are medians, and medians of the ratios run by run, since machines drift. OpenMP's threads must not spin
 * while the device works: OMP_WAIT_POLICY=passive is set here. Other losses than huber have l1's loop.
 */
#include <closs/closs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../closs/timing.h"
#include "contenders.h"

enum { FORWARD, GRADIENT, BOTH, WORKS };
static const char *const work_names[WORKS] = {"loss", "loss, one gradient", "loss, both gradients"};

/* Timed in turn: closs's works, the loops' works, and what forward is held against. */
enum { LOOPS = WORKS, HALF = 2 * WORKS, UNCOMPENSATED, EMPTY, CONTENDERS };

typedef struct bench {
  bool huber;
  size_t elements;
  float *x, *y, *dx, *dy;
  contender *contenders[CONTENDERS]; /* NULL: the loops, and what there is not */
} bench;

static void *allocate(size_t bytes) {
  void *memory = aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (memory == NULL) {
    fprintf(stderr, "bench_against_loop: no memory for %zu bytes\n", bytes);
    exit(1);
  }
  return memory;
}

static float *array(size_t elements, unsigned seed) {
  float *values = allocate(elements * sizeof *values);
  for (size_t i = 0; i < elements; i++) {
    seed = seed * 1664525u + 1013904223u;
    values[i] = (float)(seed >> 8) * 0x1p-23f - 1.0f;
  }
  return values;
}

static void *half(const float *values, size_t elements) {
  void *halves = allocate(elements * 2);
  closs_convert(CLOSS_F16, halves, CLOSS_F32, values, elements, NULL);
  return halves;
}

static void make(bench *b, const char *loss) {
  static const unsigned outputs[WORKS] = {CLOSS_OUTPUT_LOSS, CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT,
                                          CLOSS_OUTPUT_LOSS | CLOSS_OUTPUT_INPUT_GRADIENT |
                                              CLOSS_OUTPUT_TARGET_GRADIENT};
  for (int work = 0; work < WORKS; work++) {
    b->contenders[work] =
        contender_closs(loss, CLOSS_F32, outputs[work], CONTENDER_PLAIN, b->elements, b->x, b->y, NULL, b->dx, b->dy);
  }
  b->contenders[HALF] = contender_closs(loss, CLOSS_F16, CLOSS_OUTPUT_LOSS, CONTENDER_PLAIN, b->elements,
                                        half(b->x, b->elements), half(b->y, b->elements), NULL, NULL, NULL);
  b->contenders[EMPTY] = contender_empty();
  b->contenders[UNCOMPENSATED] = b->elements % 4096 == 0 ? contender_uncompensated(b->elements, b->x, b->y) : NULL;
  for (int i = 0; i < CONTENDERS; i++) {
    if ((i < LOOPS || i == HALF || i == EMPTY) && b->contenders[i] == NULL) {
      exit(1); /* it was said why */
    }
  }
}

static double time_one(const bench *b, int i) {
  volatile float sum = 0; /* keeps the loops */
  double start = seconds_now();
  if (b->contenders[i] != NULL && contender_run(b->contenders[i]) != 0) {
    exit(1);
  } else if (i == LOOPS + FORWARD) {
    sum = loop_forward(b->huber, b->elements, b->x, b->y);
  } else if (i > LOOPS && i < HALF) {
    sum = loop_gradient(b->huber, b->elements, b->x, b->y, b->dx, i == LOOPS + BOTH ? b->dy : NULL);
  }
  (void)sum;
  return seconds_now() - start;
}

/* The median of a contender's time over another's; `other` CONTENDERS: of its time in ms. */
static double figure(const double *times, size_t runs, int one, int other) {
  double *values = allocate(runs * sizeof *values);
  for (size_t run = 0; run < runs; run++) {
    const double *row = times + run * CONTENDERS;
    values[run] = other == CONTENDERS ? 1e3 * row[one] : row[one] / row[other];
  }
  double middle = median(values, runs);
  free(values);
  return middle;
}

static void print(const bench *b, const double *times, size_t runs) {
  for (int work = 0; work < WORKS; work++) {
    printf("%-21s closs %9.4f ms  loop %9.4f ms  loop / closs %5.2f\n", work_names[work],
           figure(times, runs, work, CONTENDERS), figure(times, runs, LOOPS + work, CONTENDERS),
           figure(times, runs, LOOPS + work, work));
  }
  printf("empty kernel          %9.4f ms  closs's loss / empty kernel %.2f\n", figure(times, runs, EMPTY, CONTENDERS),
         figure(times, runs, FORWARD, EMPTY));
  printf("loss of f16           %9.4f ms  f16 / f32 %.2f\n", figure(times, runs, HALF, CONTENDERS),
         figure(times, runs, HALF, FORWARD));
  if (b->contenders[UNCOMPENSATED] != NULL) {
    printf("l1 by a plain sum     %9.4f ms  closs's loss / plain sum %.2f\n",
           figure(times, runs, UNCOMPENSATED, CONTENDERS), figure(times, runs, FORWARD, UNCOMPENSATED));
  }
}

int main(int argc, char **argv) {
  if (getenv("OMP_WAIT_POLICY") == NULL) {
    setenv("OMP_WAIT_POLICY", "passive", 1);
    execv("/proc/self/exe", argv); /* the OpenMP runtime has read it already; where this fails the loops spin */
  }
  const char *loss = argc > 1 ? argv[1] : "l1";
  int power = argc > 2 ? atoi(argv[2]) : 26;
  size_t runs = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : 15;
  if (closs_loss_by_name(loss) == NULL || power < 4 || power > 30 || runs < 1) {
    fprintf(stderr, "usage: bench_against_loop [LOSS] [log2 of the elements, 4 to 30] [runs]\n");
    return 2;
  }
  bench b = {.huber = strcmp(loss, "huber") == 0, .elements = (size_t)1 << power};
  b.x = array(b.elements, 1);
  b.y = array(b.elements, 2);
  b.dx = array(b.elements, 3);
  b.dy = array(b.elements, 4);
  if (contenders_open() != 0) {
    return 1;
  }
  make(&b, loss);
  double *times = allocate((runs + 2) * CONTENDERS * sizeof *times);
  for (size_t run = 0; run < runs + 2; run++) { /* two to warm up */
    for (int i = 0; i < CONTENDERS; i++) {
      times[run * CONTENDERS + (size_t)i] = time_one(&b, i);
    }
  }
  printf("%s, 2^%d elements, f32 where nothing else is said, %zu runs, medians; %s\n", loss, power, runs,
         contenders_device());
  print(&b, times + 2 * CONTENDERS, runs);
  return 0;
}
