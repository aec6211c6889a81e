/* closs bench, by its contract: what it prints and draws, and what it refuses; not how fast anything is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run.h"

#include "closs/closs.h"
#include "picture.h"

/* Every row, in order, with figures that agree with each other; sets what the shell's python3 found wrong. */
static void assert_rows(const char *losses, const char *sizes) {
  char command[1024];
  snprintf(command, sizeof command,
           "python3 -c '\nimport json\n"
           "d = json.load(open(\"out\"))\n"
           "assert list(d) == [\"device\", \"rows\"] and isinstance(d[\"device\"], str), d\n"
           "keys = [\"loss\", \"dtype\", \"elements\", \"work\", \"seconds\", \"bytes_per_second\", "
           "\"share_of_bandwidth\"]\n"
           "want = [[l, t, n, w] for t in [\"f32\", \"f16\"] for n in [%s] for l in \"%s\".split() "
           "for w in [\"forward\", \"gradient\", \"fused\"]]\n"
           "assert [[r[k] for k in keys[:4]] for r in d[\"rows\"]] == want, d\n"
           "for r in d[\"rows\"]:\n"
           "  assert list(r) == keys, r\n"
           "  size = {\"f32\": 4, \"f16\": 2}[r[\"dtype\"]]\n"
           "  arrays = {\"forward\": 2, \"gradient\": 4, \"fused\": 4}[r[\"work\"]]\n"
           "  moved = arrays * r[\"elements\"] * size + (0 if r[\"work\"] == \"gradient\" else size)\n"
           "  assert abs(r[\"bytes_per_second\"] * r[\"seconds\"] / moved - 1) < 1e-9, r\n"
           "  assert 0 < r[\"seconds\"] < 100 and 0 < r[\"share_of_bandwidth\"] < 1000, r\n' >&2",
           sizes, losses);
  if (system(command) != 0) fail_msg("%s", run_out);
}

static void as_json(void **state) {
  (void)state;
  assert_json("closs bench l1 huber --sizes 1K,100 --json", "{\"device\": \"");
  assert_rows("l1 huber", "1024, 100");
  assert_string_equal(run_err, "");
  assert_json("closs bench --json --sizes=1", "\"work\": \"fused\"");
  char losses[256] = "";
  for (size_t i = 0; i < closs_loss_count(); i++) {
    strcat(losses, closs_loss_at(i)->name);
    strcat(losses, " ");
  }
  assert_rows(losses, "1");
}

static void as_text(void **state) {
  (void)state;
  assert_int_equal(run("closs bench mse --sizes 2K"), 0);
  assert_non_null(strstr(run_out, "\nf32, 2048 elements; the device reads "));
  assert_non_null(strstr(run_out, "\nf16, 2048 elements; the device reads "));
  assert_non_null(strstr(run_out, "\n  mse          forward  "));
  assert_non_null(strstr(run_out, "\n  mse          fused    "));
  assert_string_equal(run_err, "");
  assert_int_equal(run("closs bench mse --sizes 64 -v"), 0);
  assert_int_equal(strncmp(run_err, "closs: ", 7), 0); /* the library's log */
}

static void refused(void **state) {
  (void)state;
  assert_error("closs bench l2", 2, "LOSS: 'l2' is no loss");
  assert_error("closs bench l1 mse l1", 2, "LOSS: 'l1' is given twice");
  static const char *const sizes[] = {"''", "0", "-1", "1k", "1.5K", "1K,", "K", "1KK", "0x10", "20000000T", "'1 K'"};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    char command[64];
    snprintf(command, sizeof command, "closs bench --sizes %s", sizes[i]);
    assert_error(command, 2, "expected numbers of elements like 1K,64K,1M,64M");
  }
  assert_error("closs bench --sizes 1K,64,1024", 2, "--sizes: '1024' is given twice");
  assert_error("closs bench --sizes $(seq -s , 65)", 2, "--sizes: more than 64");
  assert_error("closs bench --sizes 1G,1T", 2, "need four arrays of ");
  assert_error("closs bench --sizes 4194304T", 2, "need four arrays of ");
  assert_error("closs bench --full", 2, "--full: no option of closs bench");
  assert_error("closs bench --device nowhere", 2, "--device: 'nowhere' fits none");
  assert_error("closs check --sizes 1", 2, "--sizes: no option of closs check");
}

static void draws(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *pixels = NULL;
  static char file[1 << 20];
  assert_int_equal(run("closs bench l1 mse --sizes 64,1K --plot picture.png"), 0);
  assert_string_equal(run_err, "");
  assert_files("picture.png");
  FILE *png = fopen("picture.png", "rb");
  assert_non_null(png);
  size_t size = fread(file, 1, sizeof file, png);
  fclose(png);
  assert_true(picture_read("picture", file, size, &tensor, &pixels, &failure));
  assert_int_equal(tensor.shape[0], 500);
  assert_int_equal(tensor.shape[1], 1500);
  free(pixels);
  /* What can't be written or drawn is known before anything is measured. */
  assert_error("closs bench --plot none/picture.png", 1, "--plot: 'none/picture.png' cannot be written");
  assert_error("PATH=/var/empty; closs bench --plot other.png", 1,
               "--plot: gnuplot draws the picture, and is not installed");
  assert_files("picture.png");
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {TEST(as_json), TEST(as_text), TEST(refused), TEST(draws)};
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
