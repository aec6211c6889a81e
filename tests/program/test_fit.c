/* closs fit and closs curve: known optima, outliers, data that no model fits, options; the solver by itself. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "run.h"

#include "fit_solve.h"

/* The number behind a key, in what the program printed. */
static double number_after(const char *text, const char *key) {
  const char *at = strstr(text, key);
  if (at == NULL) fail_msg("%s is missing in %s", key, text);
  return strtod(at + strlen(key), NULL);
}

static size_t coefficients(const char *text, double *values, size_t most) {
  const char *at = strstr(text, "\"coef\": [");
  size_t count = 0;
  if (at == NULL) fail_msg("no coefficients in %s", text);
  for (at += 9; count < most; count++, at++) {
    char *end;
    while (*at == ' ' || *at == '\n')
      at++;
    values[count] = strtod(at, &end);
    if (end == at) break;
    at = end;
  }
  return count;
}

static void fit(const char *command) {
  if (run(command) != 0) fail_msg("%s\n%s", command, run_err);
}

/* Against optima by linear programming and BFGS in float64. */
static void optima(void **state) {
  (void)state;
  static const struct {
    const char *key, *options;
  } cases[] = {{"\"l1\"", "--loss l1"},
               {"\"mse\"", "--loss mse"},
               {"\"huber delta=20\"", "--loss huber --delta 20"},
               {"\"smooth_l1 beta=20\"", "--loss smooth_l1 --param beta=20"},
               {"\"huber delta=50\"", "--loss huber --delta 50"},
               {"\"smooth_l1 beta=50\"", "--loss smooth_l1 --beta 50"},
               {"\"l1\"", "--loss smooth_l1 --beta 0"},
               {"\"l1\"", "--loss l1 --no-standardize"}};
  char command[256], text[4096];
  FILE *file = fopen(TEST_DATA "/diabetes-optimum.json", "r");
  assert_non_null(file);
  text[fread(text, 1, sizeof text - 1, file)] = 0;
  fclose(file);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double expected[11], found[11], scale = 0;
    const char *at = strstr(text, cases[i].key);
    assert_non_null(at);
    snprintf(command, sizeof command, "closs fit $DATA/diabetes-x.npy $DATA/diabetes-y.npy --json %s",
             cases[i].options);
    fit(command);
    double loss = number_after(run_out, "\"mean_loss\": "), best = number_after(at, "\"mean_loss\": ");
    if (!(fabs(loss / best - 1) < 1e-6)) fail_msg("%s: %.17g, expected %.17g", cases[i].key, loss, best);
    assert_non_null(strstr(run_out, "\"converged\": true"));
    assert_int_equal(coefficients(run_out, found, 11), 11);
    assert_int_equal(coefficients(at, expected, 11), 11);
    for (int k = 0; k < 10; k++)
      scale = fmax(scale, fabs(expected[k]));
    for (int k = 0; k < 11; k++) /* l1 is exact at its vertex */
      if (!(fabs(found[k] - expected[k]) < 1e-3 * scale))
        fail_msg("%s: coefficient %d is %.9g, expected %.9g", cases[i].key, k, found[k], expected[k]);
  }
}

/* ---- a made set: y = 1 + 2 x0 - 3 x1 + 0.5 x2, a fifth of it gross outliers to one side ---- */

enum { ROWS = 1000, COLUMNS = 3 };
static const double truth[] = {2, -3, 0.5, 1};

static double random_value(void) {
  static uint32_t random = 7;
  random = random * 1664525u + 1013904223u;
  return (double)(random >> 8) / 0x1p23 - 1;
}

static void make_outliers(void) {
  static double x[ROWS][COLUMNS], y[ROWS];
  for (int i = 0; i < ROWS; i++) {
    y[i] = truth[COLUMNS] + 0.1 * random_value();
    for (int j = 0; j < COLUMNS; j++)
      y[i] += truth[j] * (x[i][j] = 10 * random_value() + 100 * j);
    if (i % 5 == 0) y[i] += 500 + 3 * x[i][0];
  }
  put_npy("x.npy", "<f8", "False", "(1000, 3)", x, sizeof x);
  put_npy("y.npy", "<f8", "False", "(1000,)", y, sizeof y);
}

static double worst_error(const char *command) {
  double found[4], worst = 0;
  fit(command);
  assert_int_equal(coefficients(run_out, found, 4), 4);
  for (int k = 0; k < COLUMNS; k++)
    worst = fmax(worst, fabs(found[k] - truth[k]));
  return worst;
}

static void outliers(void **state) {
  (void)state;
  make_outliers();
  double l1 = worst_error("closs fit x.npy y.npy --loss l1 --json");
  double huber = worst_error("closs fit x.npy y.npy --loss huber --delta 0.2 --json");
  double mse = worst_error("closs fit x.npy y.npy --loss mse --json");
  if (!(l1 < 0.01 && huber < 0.01 && mse > 0.3)) fail_msg("errors: l1 %g, huber %g, mse %g", l1, huber, mse);
}

/* ---- options ---- */

static void options(void **state) {
  (void)state;
  make_outliers();
  /* A weight of 0 is a row that is not there; weights have no scale. */
  static double weight[ROWS];
  for (int i = 0; i < ROWS; i++)
    weight[i] = i % 5 == 0 ? 0 : 3;
  put_npy("w.npy", "<f8", "False", "(1000, 1)", weight, sizeof weight);
  assert_true(worst_error("closs fit x.npy y.npy --loss mse --weight w.npy --json") < 0.01);
  assert_true(number_after(run_out, "\"mean_loss\": ") < 0.01);
  assert_true(worst_error("closs fit x.npy y.npy --loss l1 --weight w.npy --json") < 0.01);
  assert_true(number_after(run_out, "\"mean_loss\": ") < 0.1);

  /* Of one column without an intercept: sum x y / sum x x, with l2 / 2 in units of the column. */
  double found[2];
  fit("closs fit '[1.0, 2.0, 3.0]' '[2.0, 4.0, 7.0]' --loss mse --no-intercept --no-standardize --json");
  assert_int_equal(coefficients(run_out, found, 2), 1);
  assert_true(fabs(found[0] - 31.0 / 14) < 1e-5);
  fit("closs fit '[1.0, 2.0, 3.0]' '[2.0, 4.0, 7.0]' --loss mse --no-intercept --no-standardize --l2 2 --json");
  coefficients(run_out, found, 2); /* minimum of (14 c^2 - 62 c + 69) / 3 + c^2 */
  assert_true(fabs(found[0] - 62.0 / 34) < 1e-5);
  fit("closs fit '[1.0, 2.0, 3.0]' '[2.0, 4.0, 7.0]' --loss mse --l2 1 --json");
  coefficients(run_out, found, 2); /* 2.5 with the standardised column's square: 2 c - 2 * 2.5 s + c = 0 */
  assert_true(fabs(found[0] - 2.5 * 2 / 3) < 1e-5);

  /* The model in a file, as what is printed; nothing printed beside it. */
  assert_run("closs fit x.npy y.npy --loss mse > printed; closs fit x.npy y.npy --loss mse -o model.npy", 0, "");
  assert_run("python3 -c '\n"
             "import struct\n"
             "b = open(\"model.npy\", \"rb\").read()\n"
             "print(struct.unpack(\"<4d\", b[128:]) == tuple(map(float, open(\"printed\"))), b\"(4,)\" in b[:128])'",
             0, "True True\n");

  /* An iteration is not enough: said, and nothing written, unless taken as it is. */
  assert_int_equal(unlink("model.npy"), 0);
  assert_error("closs fit x.npy y.npy --loss huber --max-iterations 1 -o model.npy", 1,
               "did not converge: relative gradient ");
  assert_int_equal(access("model.npy", F_OK), -1);
  assert_error("closs fit x.npy y.npy --loss l1 --max-iterations 1", 1, "did not converge: relative duality gap ");
  fit("closs fit x.npy y.npy --loss huber --max-iterations 1 --allow-partial --json");
  assert_non_null(strstr(run_out, "\"iterations\": 1, \"converged\": false, \"seconds\": "));

  /* Fortran order and f32 are the same data. */
  assert_run("python3 -c '\n"
             "import struct\n"
             "b = open(\"x.npy\", \"rb\").read(); v = struct.unpack(\"<3000d\", b[-24000:])\n"
             "h = \"{\\x27descr\\x27: \\x27<f8\\x27, \\x27fortran_order\\x27: True, \\x27shape\\x27: (1000, 3), }\"\n"
             "open(\"f.npy\", \"wb\").write(b\"\\x93NUMPY\\1\\0\" + bytes([len(h), 0]) + h.encode() +\n"
             "  b\"\".join(struct.pack(\"<d\", v[3 * i + j]) for j in range(3) for i in range(1000)))'\n"
             "closs fit f.npy y.npy --loss mse | cmp - printed",
             0, "");
}

static void refused(void **state) {
  (void)state;
  assert_error("closs fit", 2, "closs fit: 0 operands; expected X Y");
  assert_error("closs fit '[1.0]' '[1.0]'", 2, "closs fit: --loss is missing");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l3", 2, "--loss: 'l3' is no loss");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l1 --beta 2", 2, "beta");
  assert_error("closs fit '[1.0]' '[1.0]' --loss huber --delta 0", 2, "delta");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l1 --l2 -1", 2, "--l2: '-1'; expected a number of 0 or more");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l1 --tolerance x", 2, "--tolerance: 'x'; expected a number");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l1 --max-iterations 0", 2, "--max-iterations: '0'; expected a whole");
  assert_error("closs fit '[1.0]' '[1.0]' --loss l1 --reduction sum", 2, "--reduction: no option of closs fit");
  assert_error("closs fit none.npy '[1.0]' --loss l1", 2, "X: 'none.npy' cannot be read");
}

/* Each with a clear answer. */
static void bad_data(void **state) {
  (void)state;
  const float bad[4][2] = {{1, 2}, {3, 4}, {5, NAN}, {7, 9}}, y[4] = {1, 2, 3, 4}, infinite[4] = {1, -INFINITY, 3, 4};
  put_npy("bad.npy", "<f4", "False", "(4, 2)", bad, sizeof bad);
  put_npy("ok.npy", "<f4", "False", "(4,)", y, sizeof y);
  put_npy("inf.npy", "<f4", "False", "(4,)", infinite, sizeof infinite);
  put_npy("no-rows.npy", "<f4", "False", "(0, 2)", bad, 0);
  put_npy("no-columns.npy", "<f4", "False", "(4, 0)", bad, 0);
  put_npy("complex.npy", "<c8", "False", "(4,)", bad, sizeof bad);
#define X4 "'[[1.0, 2], [2, 1], [3, 5], [4, 4]]' "
  assert_error("closs fit bad.npy ok.npy --loss l1", 2, "X: 'bad.npy' is nan in row 2, column 1 (counted from 0)");
  assert_error("closs fit " X4 "inf.npy --loss l1", 2, "Y: 'inf.npy' is -inf in row 1 (counted from 0)");
  assert_error("closs fit " X4 "ok.npy --loss l1 --weight inf.npy", 2, "--weight: 'inf.npy' is -inf in row 1");
  assert_error("closs fit " X4 "ok.npy --loss l1 --weight '[1.0, -1, 1, 1]'", 2, "--weight: -1 in row 1");
  assert_error("closs fit " X4 "ok.npy --loss l1 --weight '[0.0, 0, 0, 0]'", 2, "--weight: the sum is 0");
  assert_error("closs fit " X4 "'[1.0, 2]' --loss l1", 2, "Y: '[1.0, 2]' has 2 rows, X has 4; they must be equal");
  assert_error("closs fit " X4 X4 "--loss l1", 2, "has 2 dimensions; expected 1, or 2 with one column");
  assert_error("closs fit 1 ok.npy --loss l1", 2, "X: '1' has 0 dimensions; expected 2: rows and columns");
  assert_error("closs fit no-rows.npy ok.npy --loss l1", 2, "X: 'no-rows.npy' is empty: 0 rows, 2 columns");
  assert_error("closs fit no-columns.npy ok.npy --loss l1", 2, "X: 'no-columns.npy' is empty: 4 rows, 0 columns");
  assert_error("closs fit complex.npy ok.npy --loss l1", 2, "X: 'complex.npy' is c64; expected real numbers");
  assert_error("closs fit '[[1.0, 2, 3]]' '[1.0]' --loss mse", 2,
               "X: 1 rows do not determine 4 coefficients with the intercept; give more rows, or --l2 above 0");
  assert_run("closs fit '[[1.0, 2, 3], [3, 2, 1]]' '[1.0, 2]' --loss mse --l2 1e-3 --json >/dev/null", 0, "");
  assert_error("closs fit " X4 "'[1e30, 1, 2, -1e30]' --loss mse", 2, "X, Y: the products or the loss overflow f32");
  assert_run("closs fit '[[1e38, 2], [2e38, 1], [3e38, 5], [-1e38, 4]]' ok.npy --loss mse --json >/dev/null", 0, "");

  /* A constant column has coefficient 0, which is said. */
  double found[3];
  fit("closs fit '[[1.0, 7], [2, 7], [3, 7], [4, 7]]' ok.npy --loss l1 --json");
  assert_non_null(strstr(run_err, "closs: X: column 1 (counted from 0) is constant: its coefficient is 0\n"));
  assert_int_equal(coefficients(run_out, found, 3), 3);
  assert_true(fabs(found[0] - 1) < 1e-5 && found[1] == 0 && fabs(found[2]) < 1e-5);
  /* A perfect fit ends, in every loss, and so does one of nothing. */
  static const char *const losses[] = {"l1", "mse", "huber", "smooth_l1"};
  for (int i = 0; i < 4; i++) {
    char command[256];
    snprintf(command, sizeof command, "closs fit '[[1.0], [2], [3], [4]]' ok.npy --loss %s --json", losses[i]);
    assert_json(command, "\"converged\": true");
    snprintf(command, sizeof command, "closs fit '[[1.0], [2], [3], [4]]' '[5.0, 5, 5, 5]' --loss %s --json",
             losses[i]);
    assert_json(command, "\"mean_loss\": 0, \"iterations\": 0, \"converged\": true");
  }
}

/* Columns that are combinations of others, the intercept too, have coefficient 0, which is said; the rest is fitted as
 * without them. With l2 all have their share. */
static void combinations(void **state) {
  (void)state;
  static const char *const losses[] = {"l1", "mse", "huber", "smooth_l1"};
#define Y6 " '[1.0, 2, 3, 4, 5, 7]' "
  for (int i = 0; i < 4; i++) {
    char command[256];
    double with[4] = {0}, without[3] = {0};
    snprintf(command, sizeof command,
             "closs fit '[[1.0, 2], [2, 1], [3, 5], [4, 4], [0, 7], [2, 2]]'" Y6 "--loss %s --json", losses[i]);
    fit(command);
    assert_string_equal(run_err, "");
    assert_int_equal(coefficients(run_out, without, 3), 3);
    snprintf(command, sizeof command,
             "closs fit '[[1.0, 2, 3], [2, 1, 3], [3, 5, 8], [4, 4, 8], [0, 7, 7], [2, 2, 4]]'" Y6 "--loss %s --json",
             losses[i]);
    fit(command);
    assert_string_equal(run_err, "closs: X: column 2 (counted from 0) is a combination of those before it and the "
                                 "intercept: its coefficient is 0\n");
    assert_non_null(strstr(run_out, "\"converged\": true"));
    assert_int_equal(coefficients(run_out, with, 4), 4);
    assert_true(with[2] == 0);
    for (int k = 0; k < 3; k++)
      if (!(fabs(with[k + k / 2] - without[k]) < 1e-5))
        fail_msg("%s: %g, not %g", losses[i], with[k + k / 2], without[k]);
  }
#define ONE_HOT                                                                                                        \
  "closs fit '[[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1], [0, 1, 0], [1, 0, 0]]'" Y6 "--loss mse --json "
  double found[4];
  fit(ONE_HOT);
  assert_non_null(strstr(run_err, "column 2 (counted from 0) is a combination of those before it and the intercept"));
  coefficients(run_out, found, 4); /* groups' means are 4, 3.5, 3.5 */
  assert_true(fabs(found[0] - 0.5) < 1e-5 && fabs(found[1]) < 1e-5 && found[2] == 0 && fabs(found[3] - 3.5) < 1e-5);
  fit(ONE_HOT "--no-intercept");
  assert_string_equal(run_err, "");
  fit(ONE_HOT "--l2 0.1");
  assert_string_equal(run_err, "");
  coefficients(run_out, found, 4);
  assert_true(fabs(found[2]) > 1e-3);
  fit("closs fit '[[1.0, -2], [2, -4], [3, -6], [4, -8]]' '[1.0, 2, 3, 4]' --loss huber --json");
  assert_non_null(strstr(run_err, "closs: X: column 1 (counted from 0) is a combination"));

  /* Many rows: equal but for the last, which the few that are asked first need not have. */
  static float x[ROWS][2], y[ROWS];
  for (int i = 0; i < ROWS; i++)
    y[i] = x[i][0] = x[i][1] = (float)i;
  put_npy("equal.npy", "<f4", "False", "(1000, 2)", x, sizeof x);
  x[ROWS - 1][1] = 0;
  put_npy("unequal.npy", "<f4", "False", "(1000, 2)", x, sizeof x);
  put_npy("y.npy", "<f4", "False", "(1000,)", y, sizeof y);
  fit("closs fit equal.npy y.npy --loss mse --json");
  assert_non_null(strstr(run_err, "column 1 (counted from 0) is a combination"));
  fit("closs fit unequal.npy y.npy --loss mse --json");
  assert_string_equal(run_err, "");
}

/* The start is finite, and the first trial step is not: a shorter one is taken. */
static void overflowing_step(void **state) {
  (void)state;
  enum { WIDE = 8 };
  static float x[ROWS][WIDE], y[ROWS];
  for (int i = 0; i < ROWS; i++) {
    double common = random_value();
    for (int j = 0; j < WIDE; j++)
      x[i][j] = (float)(common + 0.5 * random_value());
    y[i] = (float)(3e17 * common);
  }
  put_npy("x.npy", "<f4", "False", "(1000, 8)", x, sizeof x);
  put_npy("y.npy", "<f4", "False", "(1000,)", y, sizeof y);
  assert_json("closs fit x.npy y.npy --loss mse --json", "\"converged\": true");
  assert_json("closs fit x.npy y.npy --loss huber --delta 1e30 --json", "\"converged\": true");
}

/* ---- pictures ---- */

static void pictures(void **state) {
  (void)state;
  make_outliers();
  assert_run("closs fit x.npy y.npy --loss l1 --plot fit.png -o model.npy", 0, "");
  assert_run("closs fit '[1.0, 2, 3, 4]' '[2.0, 4, 6, 9]' --loss huber --plot line.png -o model.npy", 0, "");
  assert_run("closs curve l1 mse smooth_l1 huber --delta 0.5 -o curve.png", 0, "");
  assert_run("closs loss mse curve.png curve.png && closs loss l1 fit.png fit.png && closs loss l1 line.png line.png",
             0, "0\n0\n0\n");
  assert_error("PATH=/var/empty closs curve l1 -o none.png", 1,
               "--output: gnuplot draws the picture, and is not installed (Debian: gnuplot-nox)");
  assert_error("PATH=/var/empty closs fit x.npy y.npy --loss l1 --plot none.png", 1, "--plot: gnuplot draws");
  assert_int_equal(access("none.png", F_OK), -1);
  assert_error("closs curve -o none.png", 2, "closs curve: 0 operands; expected 1 to 16 losses");
  assert_error("closs curve l1", 2, "closs curve: --output FILE.png is missing");
  assert_error("closs curve l3 -o none.png", 2, "LOSS: 'l3' is no loss");
  assert_error("closs curve l1 mse --delta 2 -o none.png", 2, "parameter delta: none of these losses has it");
  assert_error("closs curve huber --delta -2 -o none.png", 2, "delta");
}

/* ---- the solver, in double on the host ---- */

enum { N = 60 };

struct host {
  closs_loss loss;
  double x[N], y[N], residuals[N], width;
};

static bool evaluate(void *user, const double *w, double *loss, double *gradient) {
  struct host *h = user;
  *loss = gradient[0] = gradient[1] = 0;
  for (int i = 0; i < N; i++) {
    double d = h->residuals[i] = w[0] * h->x[i] + w[1] - h->y[i], z = fabs(d), slope;
    if (h->loss == CLOSS_MSE) {
      *loss += d * d / N;
      slope = 2 * d;
    } else if (h->loss == CLOSS_HUBER) {
      *loss += (z <= h->width ? 0.5 * d * d : h->width * (z - 0.5 * h->width)) / N;
      slope = fmax(-h->width, fmin(h->width, d));
    } else {
      *loss += (z < h->width ? 0.5 * d * d / h->width : z - 0.5 * h->width) / N;
      slope = fmax(-1, fmin(1, d / h->width));
    }
    gradient[0] += slope * h->x[i] / N;
    gradient[1] += slope / N;
  }
  return true;
}

static bool set_width(void *user, double width) {
  ((struct host *)user)->width = width;
  return true;
}

static bool residuals(void *user, double *values) {
  memcpy(values, ((struct host *)user)->residuals, N * sizeof *values);
  return true;
}

static void row(void *user, size_t at, double *x) {
  x[0] = ((struct host *)user)->x[at];
  x[1] = 1;
}

static void step(void *user, size_t iteration, double objective, double gradient_norm) {
  (void)user;
  assert_true(iteration > 0 && objective >= 0 && gradient_norm >= 0);
}

static void solver(void **state) {
  (void)state;
  static const struct {
    closs_loss loss;
    double width;
  } cases[] = {{CLOSS_MSE, 1},          {CLOSS_HUBER, 1},       {CLOSS_HUBER, 1e-9}, {CLOSS_HUBER, INFINITY},
               {CLOSS_SMOOTH_L1, 1e-3}, {CLOSS_SMOOTH_L1, 1e6}, {CLOSS_L1, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct host h = {.loss = cases[i].loss, .width = cases[i].width};
    for (int k = 0; k < N; k++) {
      h.x[k] = random_value();
      h.y[k] = 3 * h.x[k] + 0.1 * random_value() + (k % 6 == 0 ? 10 : 0);
    }
    double w[2] = {0, 0}, gradient[2], loss;
    struct fit_problem problem = {&h,   N,       2,        true,      h.loss,    h.width, 0,
                                  NULL, 0x1p-53, evaluate, set_width, residuals, row,     step};
    struct fit_result result = {.w = w};
    assert_true(fit_solve(&problem, 1e-9, 1000, &result));
    if (!result.converged) fail_msg("case %zu: %g", i, result.certificate);
    /* No better point near by. */
    if (h.loss == CLOSS_L1) h.width = 1e-12;
    evaluate(&h, w, &loss, gradient);
    for (int k = 0; k < 8; k++) {
      double moved[2] = {w[0] + 0.01 * cos(k), w[1] + 0.01 * sin(k)}, worse;
      evaluate(&h, moved, &worse, gradient);
      if (worse < loss * (1 - 1e-9)) fail_msg("case %zu: %.17g, and near by %.17g", i, loss, worse);
    }
  }
}

int main(int argc, char **argv) {
  (void)argc;
  run_program = argv[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(solver, run_start, run_end),
      cmocka_unit_test_setup_teardown(optima, run_start, run_end),
      cmocka_unit_test_setup_teardown(outliers, run_start, run_end),
      cmocka_unit_test_setup_teardown(options, run_start, run_end),
      cmocka_unit_test_setup_teardown(refused, run_start, run_end),
      cmocka_unit_test_setup_teardown(bad_data, run_start, run_end),
      cmocka_unit_test_setup_teardown(combinations, run_start, run_end),
      cmocka_unit_test_setup_teardown(overflowing_step, run_start, run_end),
      cmocka_unit_test_setup_teardown(pictures, run_start, run_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
