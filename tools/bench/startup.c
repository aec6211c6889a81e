/*
 * Times how long a process takes from its start to its end:
 *
 *     bench_startup CLOSS [runs]
 *
 * CLOSS is the program. In turn, each run starts: this program, only to load the device's platform (of $CLOSS_DEVICE,
 * else the first) and make a context and a queue; `closs loss l1 1 2` with a warm disk cache; the same without one,
 * where only what the driver caches by itself helps; and, in every tenth run, with empty caches, POCL's too. Figures
 * are medians, and medians of the ratios to the first, run by run.
 */
#include <closs/opencl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../closs/timing.h"
#include "device.h"

enum { CONTEXT, WARM, UNCACHED, COLD, CONTENDERS, MOST_RUNS = 1000 };
static const char *const names[CONTENDERS] = {"context and queue alone", "closs loss, disk cache",
                                              "closs loss, no cache", "closs loss, all caches empty"};

static char folder[] = "/tmp/closs-bench-XXXXXX";
static double times[CONTENDERS][MOST_RUNS], ratios[CONTENDERS][MOST_RUNS];
static int counts[CONTENDERS];

static int open_device(void) {
  cl_device_id device;
  cl_int code = CL_SUCCESS;
  if (bench_device(&device) != CL_SUCCESS) return 1;
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &code);
  cl_command_queue queue = context != NULL ? clCreateCommandQueue(context, device, 0, &code) : NULL;
  if (queue != NULL) clReleaseCommandQueue(queue);
  if (context != NULL) clReleaseContext(context);
  return queue == NULL;
}

static void empty_caches(void) {
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s/closs %s/pocl && mkdir %s/pocl", folder, folder, folder);
  if (system(command) != 0) exit(1);
}

static double start(int contender, const char *self, const char *program) {
  if (contender == COLD) empty_caches();
  setenv("CLOSS_CACHE", contender == UNCACHED ? "0" : "1", 1);
  const double before = seconds_now();
  const pid_t child = fork();
  if (child == 0) {
    if (freopen("/dev/null", "w", stdout) == NULL) _exit(127);
    if (contender == CONTEXT) execl(self, self, "--open-device", (char *)NULL);
    execl(program, program, "loss", "l1", "1", "2", (char *)NULL);
    _exit(127);
  }
  int status = 1;
  if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
    fprintf(stderr, "%s failed\n", names[contender]);
    exit(1);
  }
  return seconds_now() - before;
}

int main(int argc, char **argv) {
  char path[64];
  if (argc == 2 && strcmp(argv[1], "--open-device") == 0) return open_device();
  const int runs = argc == 3 ? atoi(argv[2]) : 40;
  if ((argc != 2 && argc != 3) || runs < 1 || runs > MOST_RUNS) {
    fprintf(stderr, "usage: %s CLOSS [runs, at most %d]\n", argv[0], MOST_RUNS);
    return 2;
  }
  if (mkdtemp(folder) == NULL) return 1;
  snprintf(path, sizeof path, "%s/closs", folder);
  setenv("CLOSS_CACHE_DIR", path, 1);
  snprintf(path, sizeof path, "%s/pocl", folder);
  setenv("POCL_CACHE_DIR", path, 1);
  for (int run = 0; run < runs; run++) {
    if (run % 10 == 0) times[COLD][counts[COLD]++] = start(COLD, argv[0], argv[1]);
    for (int contender = CONTEXT; contender < COLD; contender++) {
      times[contender][counts[contender]] = start(contender, argv[0], argv[1]);
      ratios[contender][counts[contender]] = times[contender][run] / times[CONTEXT][run];
      counts[contender]++;
    }
  }
  printf("%-30s %10s %10s\n", "", "ms", "ratio");
  for (int contender = 0; contender < CONTENDERS; contender++) {
    printf("%-30s %10.1f", names[contender], 1e3 * median(times[contender], (size_t)counts[contender]));
    if (contender != COLD) printf(" %10.2f", median(ratios[contender], (size_t)counts[contender]));
    putchar('\n');
  }
  char command[64];
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return system(command) != 0;
}
