/* Pictures by gnuplot: drawn, refused, and without a gnuplot. */
#include <signal.h>
#include <stdlib.h>

#include "program.h"
#include <math.h>

#include "picture.h"
#include "plot.h"

/* Shares of a picture's pixels that are near a colour. */
static double share(const float *pixels, size_t count, float red, float green, float blue) {
  size_t near = 0;
  for (size_t i = 0; i < count; i++) {
    const float *p = pixels + 3 * i;
    float distance = (p[0] - red) * (p[0] - red) + (p[1] - green) * (p[1] - green) + (p[2] - blue) * (p[2] - blue);
    near += distance < 0.01f;
  }
  return (double)near / (double)count;
}

static void draws(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  struct plot plot;
  struct output file = {.option = "--plot"};
  const double inside[] = {-1, 1, 0, 0, 1, (double)NAN, 2, 1};
  closs_tensor tensor;
  void *pixels = NULL;
  if (!plot_begin(&plot, "--plot", 320, 200, &failure)) fail_msg("%s", failure.text);
  plot_data(&plot, "curve", 4, 2, inside);
  fputs("plot $curve using 1:2 with filledcurves y=-1 title 'a_b'\n", plot.script);
  if (!plot_end(&plot, &file, &failure)) fail_msg("%s", failure.text);
  assert_true(picture_read("x", file.parts[0], file.sizes[0], &tensor, &pixels, &failure));
  assert_int_equal(tensor.shape[0], 200);
  assert_int_equal(tensor.shape[1], 320);
  assert_int_equal(tensor.shape[2], 3);
  assert_true(share(pixels, 320 * 200, 1, 1, 1) > 0.3);
  assert_true(share(pixels, 320 * 200, 0.4f, 0.66f, 0.82f) > 0.05); /* the first colour, 60 % of it on white */
  free(pixels);
  plot_release(&plot);
}

static void refuses(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  struct plot plot;
  struct output file = {.option = "--plot"};
  assert_true(plot_begin(&plot, "--plot", 320, 200, &failure));
  fputs("plot nonsense(\n", plot.script);
  assert_false(plot_end(&plot, &file, &failure));
  assert_failure(&failure, STATUS_FAILED, "--plot: gnuplot: line 0: invalid expression");
  plot_release(&plot);

  /* A gnuplot that ends in the middle of a long script is an error, not a signal. */
  failure = (struct failure){0, ""};
  double *many = calloc(100000, sizeof *many);
  assert_true(plot_begin(&plot, "--plot", 320, 200, &failure));
  fputs("nonsense\n", plot.script);
  plot_data(&plot, "curve", 100000, 1, many);
  assert_false(plot_end(&plot, &file, &failure));
  assert_failure(&failure, STATUS_FAILED, "--plot: gnuplot: line 0: invalid command");
  plot_release(&plot);

  failure = (struct failure){0, ""};
  assert_true(plot_begin(&plot, "--plot", 320, 200, &failure));
  assert_false(plot_end(&plot, &file, &failure));
  assert_failure(&failure, STATUS_FAILED, "--plot: gnuplot: no picture");
  plot_release(&plot);
  free(many);
}

static void without_gnuplot(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  struct plot plot;
  char *path = strdup(getenv("PATH"));
  setenv("PATH", "/var/empty", 1);
  assert_false(plot_begin(&plot, "--plot", 320, 200, &failure));
  setenv("PATH", path, 1);
  assert_failure(&failure, STATUS_FAILED,
                 "--plot: gnuplot draws the picture, and is not installed (Debian: gnuplot-nox)");
  plot_release(&plot);
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws),
      cmocka_unit_test(refuses),
      cmocka_unit_test(without_gnuplot),
  };
  signal(SIGPIPE, SIG_IGN); /* as the program has it */
  return cmocka_run_group_tests(tests, NULL, NULL);
}
