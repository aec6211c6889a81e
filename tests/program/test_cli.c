/* The program as a whole, by its contract: every option and column, every error. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

#include "closs/closs.h"
#include "picture.h"

static void about_itself(void **state) {
  (void)state;
  char expected[64];
  snprintf(expected, sizeof expected, "closs %s\n", closs_version());
  assert_run("closs --version", 0, expected);
  assert_json("closs --version --json", "{\"version\": \"" CLOSS_VERSION "\"}");
  static const char *const helps[] = {"",       "devices ", "losses ", "loss ", "fit ",
                                      "curve ", "check ",   "bench ",  "pack ", "cache "};
  for (size_t i = 0; i < sizeof helps / sizeof helps[0]; i++) {
    char command[64];
    snprintf(command, sizeof command, "closs %s--help", helps[i]);
    assert_int_equal(run(command), 0);
    assert_int_equal(strncmp(run_out, "usage: closs ", 13), 0);
    assert_string_equal(run_err, "");
  }
  assert_error("closs", 2, "no command; expected devices, losses, loss, fit, curve, check, bench, pack or cache");
  assert_error("closs nonsense", 2,
               "nonsense: unknown command; expected devices, losses, loss, fit, curve, check, bench, pack or cache");
  assert_error("closs losses x", 2, "closs losses: unexpected 'x'");
  assert_error("closs devices x", 2, "closs devices: unexpected 'x'");
  assert_error("closs check x", 2, "closs check: unexpected 'x'");
}

static void losses(void **state) {
  (void)state;
  assert_int_equal(run("closs losses"), 0);
  assert_non_null(strstr(run_out, "l1\nmse\n"));
  assert_non_null(strstr(run_out, "\nsmooth_l1\tbeta=1 (0, 7.888609052210118e-31 to 1.2676506002282294e+30, inf)\n"));
  assert_non_null(strstr(run_out, "\nhuber\tdelta=1 (7.888609052210118e-31 to 1.2676506002282294e+30, inf)\n"));
  assert_json("closs losses --json",
              "{\"losses\": [{\"name\": \"l1\", \"id\": 1, \"reduction\": \"mean\", \"mindspore_reduction\": \"mean\", "
              "\"complex\": true, \"parameters\": []}, {\"name\": \"mse\", \"id\": 2, ");
  assert_json(
      "closs losses --json",
      "{\"name\": \"smooth_l1\", \"id\": 3, \"reduction\": \"mean\", \"mindspore_reduction\": \"none\", "
      "\"complex\": false, \"parameters\": [{\"name\": \"beta\", \"default\": 1, \"min\": 0, \"max\": \"inf\"}]}");
  assert_json("closs losses --json",
              "{\"name\": \"delta\", \"default\": 1, \"min\": 7.888609052210118e-31, \"max\": \"inf\"}");
}

/* ---- devices ---- */

static void devices(void **state) {
  (void)state;
  assert_run("closs devices | awk -F '\\t' '{ print NF, ($1 == NR - 1), $4 ~ /^[0-9.]*$/, $5, $7 }' | sort -u", 0,
             "7 1 1 full -\n");
  assert_json("closs devices --json", "{\"devices\": [{\"index\": 0, \"platform\": \"");
  static const char *const keys[] = {
      "platform", "device",        "vendor",        "driver",         "version",      "profile",
      "type",     "compute_units", "global_memory", "max_allocation", "local_memory", "max_work_group_size",
      "fp16",     "fp64",          "int64",         "compiler",       "class"};
  const char *at = run_out;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    char key[64];
    snprintf(key, sizeof key, ", \"%s\": ", keys[i]);
    at = strstr(at, key);
    if (at == NULL) fail_msg("%s is not at its place in %s", key, run_out);
  }
  assert_non_null(strstr(run_out, "\"class\": null}"));
  assert_json("closs devices --json --probe", "\"class\": \"exact\"}");
  assert_run("closs devices --probe | cut -f 7 | sort -u", 0, "exact\n");
}

static void no_device(void **state) {
  (void)state;
  mkdir("none", 0777);
  assert_run("OCL_ICD_VENDORS=$PWD/none closs devices", 0, "");
  assert_non_null(strstr(run_err, "closs: no OpenCL device: install an OpenCL driver"));
  assert_run("OCL_ICD_VENDORS=$PWD/none closs devices --json", 0, "{\"devices\": []}\n");
  assert_error("OCL_ICD_VENDORS=$PWD/none closs loss l1 1 2 -o a", 1, "no OpenCL device");
  assert_error("OCL_ICD_VENDORS=$PWD/none closs check", 1, "no OpenCL device");
  assert_files("none");
}

static void choice_of_device(void **state) {
  (void)state;
  assert_run("closs loss l1 1 3 --device 0", 0, "2\n");
  assert_run("closs loss l1 1 3 --device=\"$(closs devices | cut -f 3 | head -n 1)\"", 0, "2\n");
  assert_run("closs loss l1 1 3 --device \"$(closs devices | cut -f 2 | head -n 1 | tr a-z A-Z)\"", 0, "2\n");
  assert_run("CLOSS_DEVICE=0 closs loss l1 1 3", 0, "2\n");
  assert_run("CLOSS_DEVICE= closs loss l1 1 3", 0, "2\n");
  assert_run("CLOSS_DEVICE=nonesuch closs loss l1 1 3 --device 0", 0, "2\n");
  assert_error("closs loss l1 1 3 --device nonesuch", 2, "--device: 'nonesuch' fits none of the devices (0: ");
  assert_error("closs loss l1 1 3 --device 999", 2, "--device: '999' fits none of the devices (0: ");
  assert_error("closs loss l1 1 3 --device -1", 2, "--device: '-1' fits none of the devices (0: ");
  assert_error("CLOSS_DEVICE=nonesuch closs loss l1 1 3", 2, "$CLOSS_DEVICE: 'nonesuch' fits none of the devices");
  assert_error("CLOSS_DEVICE=nonesuch closs check", 2, "$CLOSS_DEVICE: 'nonesuch' fits none of the devices");
}

/* ---- results ---- */

static void reductions(void **state) {
  (void)state;
  assert_run("closs loss l1 '[1, 2, 4]' '[1, 1, 1]'", 0, "1.3333334\n");
  assert_run("closs loss l1 '[1, 2, 4]' 1 --reduction mean", 0, "1.3333334\n");
  assert_run("closs loss l1 '[1, 2, 4]' 1 --reduction sum", 0, "4\n");
  assert_run("closs loss l1 '[1, 2, 4]' 1 --reduction none", 0, "0\n1\n3\n");
  assert_run("closs loss mse '[[1, 2], [3, 4]]' '[0, 1]' --reduction none", 0, "1\n1\n9\n9\n");
  assert_run("closs loss l1 1 -0.5 --reduction none", 0, "1.5\n");
  assert_run("closs loss mse -1 -3", 0, "4\n");
  assert_run("closs loss l1 '[]' '[]'", 0, "nan\n");
  assert_run("closs loss l1 '[]' '[]' --reduction sum", 0, "0\n");
  assert_run("closs loss l1 '[]' '[]' --reduction none", 0, "");
  assert_run("closs loss l1 '[inf, nan, -inf]' 0 --reduction none", 0, "inf\nnan\ninf\n");
  assert_run("closs loss huber '[inf, 1]' 0", 0, "inf\n");
  assert_run("closs loss l1 1 2 --schedule lanes", 0, "1\n");
  assert_run("closs loss l1 1 2 --schedule auto", 0, "1\n");
  assert_run("closs loss l1 1 2 --schedule groups", 0, "1\n");
  assert_run("closs loss l1 1 2 --schedule=groups --work-group=64", 0, "1\n");
  assert_error("closs loss l1 1 2 --schedule lanes --work-group 64", 2,
               "work_group: 64, but the schedule is lanes, which has none");
  assert_error("closs loss l1 1 2 --schedule groups --work-group 48", 2,
               "--work-group: '48'; expected a power of two from 1 to 1024");
}

static void json(void **state) {
  (void)state;
  assert_json("closs loss l1 '[[1, 2], [3, 5]]' 1 --json",
              "{\"loss\": 1.75, \"bits\": \"0x3fe00000\", \"dtype\": \"f32\", \"shape\": [], \"reduction\": \"mean\", "
              "\"device\": \"");
  assert_non_null(strstr(run_out,
                         "\", \"schedule\": \"lanes\", \"program\": \"compiled\", \"elements\": 4, \"bytes\": 24, "
                         "\"seconds\": {\"total\": "));
  const char *at = strstr(run_out, "\"total\": ");
  assert_non_null(strstr(at, ", \"program\": "));
  assert_non_null(strstr(at, ", \"transfer\": "));
  assert_non_null(strstr(at, ", \"kernel\": "));
  assert_json("closs loss l1 '[[1, 2], [3, nan]]' 1 --json --reduction none",
              "{\"values\": [0, 1, 2, \"nan\"], \"dtype\": \"f32\", \"shape\": [2, 2], \"reduction\": \"none\", "
              "\"device\": \"");
  assert_json("closs loss l1 '[[1, 2], [3, 5]]' 1 --json --reduction none -o a",
              "{\"dtype\": \"f32\", \"shape\": [2, 2], \"reduction\": \"none\", ");
  assert_json("closs loss l1 '[1, 2]' 1 --json -o a", "{\"loss\": 0.5, \"bits\": \"0x3f000000\", ");
  assert_json("closs loss l1 1 2 --json --dtype f64",
              "{\"loss\": 1, \"bits\": \"0x3ff0000000000000\", \"dtype\": \"f64\"");
  assert_json("closs loss l1 1 2 --json --dtype f16", "{\"loss\": 1, \"bits\": \"0x3c00\", \"dtype\": \"f16\"");
  assert_json("closs loss l1 1 2 --json --dtype bf16", "{\"loss\": 1, \"bits\": \"0x3f80\", \"dtype\": \"bf16\"");
  assert_json("closs loss l1 1 2 --json --dtype c64", "{\"loss\": 1, \"bits\": \"0x3f800000\", \"dtype\": \"f32\"");
  assert_json("closs loss l1 -inf 2 --json", "{\"loss\": \"inf\", \"bits\": \"0x7f800000\"");
  assert_json("closs loss l1 '[]' '[]' --json", "{\"loss\": \"nan\", \"bits\": \"0x7fc00000\"");
  assert_non_null(strstr(run_out, "\"schedule\": null, \"program\": null, \"elements\": 0, \"bytes\": 4, "));
  assert_json("closs loss l1 '[[], []]' 1 --json --reduction none",
              "{\"values\": [], \"dtype\": \"f32\", \"shape\": [2, 0]");
  /* Operands, weights, an upstream array, the loss and both gradients. */
  assert_json("closs loss l1 '[1, 2]' '[1, 1]' --weight '[1, 2]' --grad-output '[1, 2]' --reduction none --json "
              "--grad-input a --grad-target b",
              "\"elements\": 2, \"bytes\": 56, ");
}

static void parameters(void **state) {
  (void)state;
  assert_run("closs loss smooth_l1 3 1 --beta 0.5", 0, "1.75\n");
  assert_run("closs loss smooth_l1 3 1 --beta=0.5", 0, "1.75\n");
  assert_run("closs loss smooth_l1 3 1 --param beta=0.5", 0, "1.75\n");
  assert_run("closs loss smooth_l1 3 1 --beta 0", 0, "2\n");
  assert_run("closs loss smooth_l1 3 1 --beta inf", 0, "0\n");
  assert_run("closs loss smooth_l1 3 1", 0, "1.5\n");
  assert_run("closs loss huber 3 1 --param=delta=0.5", 0, "0.875\n");
  assert_error("closs loss huber 3 1 --delta 0", 2, "delta");
  assert_error("closs loss huber 3 1 --delta -1", 2, "delta");
  assert_error("closs loss huber 3 1 --delta nan", 2, "delta");
  assert_error("closs loss huber 3 1 --beta 1", 2, "beta");
  assert_error("closs loss l1 3 1 --param gamma=1", 2, "gamma");
  assert_error("closs loss huber 3 1 --delta x", 2, "parameter delta: 'x' is no number");
  assert_error("closs loss huber 3 1 --delta ''", 2, "parameter delta: '' is no number");
  assert_error("closs loss huber 3 1 --delta 0,5", 2, "parameter delta: '0,5' is no number");
  assert_error("closs loss huber 3 1 --param delta", 2, "--param: 'delta'; expected NAME=VALUE");
  assert_error("closs loss huber 3 1 --param delta=1 --delta 2", 2, "parameter delta: given twice");
}

static void weights(void **state) {
  (void)state;
  const float ones[2] = {3, 1};
  put_npy("w.npy", "<f4", "False", "(2,)", ones, sizeof ones);
  assert_run("closs loss l1 '[1, 2]' 0 --weight '[3, 1]' --reduction none", 0, "3\n2\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight w.npy --reduction sum", 0, "5\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight w.npy", 0, "1.25\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight w.npy --mean-over weights", 0, "1.25\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight w.npy --mean-over count", 0, "2.5\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight 2 --reduction none", 0, "2\n4\n");
  assert_run("closs loss l1 '[1, 2]' 0 --weight 2", 0, "1.5\n");
  assert_run("closs loss l1 '[inf, 2]' 0 --weight '[0, 1]'", 0, "nan\n");
  /* A value is rounded to the arithmetic's type: 0.1 in f64 is nearer to a tenth than in f32. */
  assert_run("closs loss l1 1 0 --dtype f64 --weight 0.1 --reduction sum", 0, "0.1\n");
  assert_error("closs loss l1 '[1, 2]' 0 --weight '[1, 2, 3]'", 2, "weight: ");
  assert_error("closs loss l1 '[1, 2]' 0 --weight missing.npy", 2,
               "--weight: 'missing.npy' cannot be read: No such file");
}

static void gradients(void **state) {
  (void)state;
  assert_run("closs loss mse '[1, 2]' '[0, 4]' --grad-input gi.npy --grad-target gt.npy --reduction sum", 0, "5\n");
  assert_npy("gi.npy", "<f4", "(2,)", (const float[]){2, -4}, 8);
  assert_npy("gt.npy", "<f4", "(2,)", (const float[]){-2, 4}, 8);
  assert_run("closs loss mse '[1, 2]' '[0, 4]' --grad-input gi.npy --grad-output -0.5", 0, "2.5\n");
  assert_npy("gi.npy", "<f4", "(2,)", (const float[]){-0.5f, 1}, 8);
  assert_run("closs loss mse '[1, 2]' '[0, 4]' --grad-input gi.npy --grad-output '[10, 100]' --reduction none", 0,
             "1\n4\n");
  assert_npy("gi.npy", "<f4", "(2,)", (const float[]){20, -400}, 8);
  assert_run("closs loss mse '[1, 2]' '[0, 4]' --grad-input gi.npy --grad-output '[3]' --reduction sum", 0, "5\n");
  assert_npy("gi.npy", "<f4", "(2,)", (const float[]){6, -12}, 8);
  /* A broadcast operand's gradient has its shape. */
  assert_run("closs loss mse '[1, 2]' 0 --grad-target gt.npy --reduction sum -o loss.npy", 0, "");
  assert_npy("gt.npy", "<f4", "()", (const float[]){-6}, 4);
  assert_npy("loss.npy", "<f4", "()", (const float[]){5}, 4);
  assert_error("closs loss mse '[1, 2]' 0 --grad-input x --grad-output '[1, 2, 3]' --reduction none", 2, "upstream: ");
  assert_error("closs loss mse '[1, 2]' 0 --grad-input x --grad-output '[1, 2]'", 2, "upstream: ");
  assert_files("gi.npy gt.npy loss.npy");
}

static void types(void **state) {
  (void)state;
  const int8_t bytes[2] = {-3, 4};
  const double doubles[2] = {0.1, 0.2};
  const float complexes[4] = {3, 4, 0, 1};
  put_npy("i1.npy", "|i1", "False", "(2,)", bytes, sizeof bytes);
  put_npy("f8.npy", "<f8", "False", "(2,)", doubles, sizeof doubles);
  put_npy("c8.npy", "<c8", "False", "(2,)", complexes, sizeof complexes);
  assert_run("closs loss l1 i1.npy 0 --reduction none --grad-input g.npy", 0, "3\n4\n");
  assert_npy("g.npy", "<f4", "(2,)", (const float[]){-1, 1}, 8);
  assert_run("closs loss l1 f8.npy 0 --reduction none", 0, "0.1\n0.2\n");
  assert_run("closs loss l1 f8.npy 0 --reduction none --dtype f32", 0, "0.1\n0.2\n");
  assert_run("closs loss l1 f8.npy 0 --reduction none --dtype f16", 0, "0.1\n0.2\n");
  assert_run("closs loss l1 c8.npy 0 --reduction none --grad-input g.npy", 0, "5\n1\n");
  assert_npy("g.npy", "<c8", "(2,)", (const float[]){0.6f, 0.8f, 0, 1}, 16);
  assert_run("closs loss l1 c8.npy 0 --reduction none --dtype c128 -o l.npy", 0, "");
  assert_npy("l.npy", "<f8", "(2,)", (const double[]){5, 1}, 16);
  /* bf16 is written as float32. */
  assert_run("closs loss l1 '[1, 3.140625]' 0 --reduction none --dtype bf16 -o l.npy --grad-input g.npy", 0, "");
  assert_npy("l.npy", "<f4", "(2,)", (const float[]){1, 3.140625f}, 8);
  assert_npy("g.npy", "<f4", "(2,)", (const float[]){1, 1}, 8);
  assert_run("closs loss l1 3.1415 0 --dtype bf16", 0, "3.14\n");
  assert_run("closs loss l1 1 0 --dtype f16 -o l.npy", 0, "");
  assert_npy("l.npy", "<f2", "()", (const uint16_t[]){0x3c00}, 2);
  assert_error("closs loss l1 c8.npy 0 --dtype f32", 2,
               "INPUT: 'c8.npy' is c64; --dtype f32 would lose its imaginary part");
  assert_error("closs loss l1 0 c8.npy --dtype f64", 2, "TARGET: 'c8.npy' is c64; --dtype f64");
  assert_error("closs loss mse c8.npy 0", 2, "input: ");
  assert_error("closs loss l1 1 0 --weight c8.npy", 2, "weight: ");
}

/* ---- inputs ---- */

static void npy_files(void **state) {
  (void)state;
  const float c_order[6] = {1, 2, 3, 4, 5, 6}, fortran[6] = {1, 4, 2, 5, 3, 6};
  unsigned char big[24];
  for (int i = 0; i < 24; i++)
    big[i] = ((const unsigned char *)c_order)[i ^ 3];
  put_npy("c.npy", "<f4", "False", "(2, 3)", c_order, 24);
  put_npy("f.npy", "<f4", "True", "(2, 3)", fortran, 24);
  put_npy("big.npy", ">f4", "False", "(2, 3)", big, 24);
  put_npy("./1", "<f4", "False", "(2, 3)", c_order, 24);
  assert_int_equal(run("cp c.npy no-suffix; closs loss l1 c.npy 0 --reduction none"), 0);
  static const char expected[] = "1\n2\n3\n4\n5\n6\n";
  assert_string_equal(run_out, expected);
  assert_run("closs loss l1 f.npy 0 --reduction none", 0, expected);
  assert_run("closs loss l1 big.npy 0 --reduction none", 0, expected);
  assert_run("closs loss l1 no-suffix 0 --reduction none", 0, expected);
  assert_run("closs loss l1 ./1 0 --reduction none", 0, expected);
  assert_run("closs loss l1 1 0 --reduction none", 0, "1\n");
  assert_run("closs loss l1 f.npy 0 --reduction none --dtype f64", 0, expected);
  assert_run("closs loss l1 f.npy 0 --reduction none -o l.npy --grad-input g.npy", 0, "");
  assert_npy("l.npy", "<f4", "(2, 3)", c_order, 24);
  assert_npy("g.npy", "<f4", "(2, 3)", (const float[]){1, 1, 1, 1, 1, 1}, 24);
  assert_run("closs loss l1 - 0 --reduction none < f.npy", 0, expected);
  assert_run("cat big.npy | closs loss l1 0 - --reduction none", 0, expected);
  assert_run("mkfifo p; cat c.npy > p & closs loss l1 p 0 --reduction none", 0, expected);
  assert_error("closs loss l1 - - < c.npy", 2, "TARGET: '-' a second time; stdin is read once");
  assert_error("closs loss l1 - 0 --weight=- < c.npy", 2, "--weight: '-' a second time");
}

static void wrong_inputs(void **state) {
  (void)state;
  const float one = 1;
  put_npy("nine.npy", "<f4", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 1)", &one, 4);
  put_npy("short.npy", "<f4", "False", "(2,)", &one, 4);
  put_npy("object.npy", "|O", "False", "(1,)", &one, 4);
  put_npy("text.npy", "<U1", "False", "(1,)", &one, 4);
  assert_error("closs loss l1 missing.npy 0", 2, "INPUT: 'missing.npy' cannot be read: No such file or directory");
  assert_error("closs loss l1 0 .", 2, "TARGET: '.' cannot be read: Is a directory");
  assert_error("closs loss l1 '' 0", 2, "INPUT: '' cannot be read: No such file or directory");
  assert_error("echo text > a.txt; closs loss l1 a.txt 0", 2, "INPUT: 'a.txt' is neither an .npy nor a .png file");
  assert_error("closs loss l1 /dev/null 0", 2, "INPUT: '/dev/null' is neither");
  assert_error("closs loss l1 - 0 <&-", 2, "INPUT: '-' cannot be read: ");
  assert_error("closs loss l1 nine.npy 0", 2, "INPUT: 'nine.npy': 9 dimensions; expected at most 8");
  assert_error("closs loss l1 '[[[[[[[[[1]]]]]]]]]' 0", 2, "INPUT: more than 8 dimensions");
  assert_error("closs loss l1 short.npy 0", 2, "INPUT: 'short.npy': truncated");
  assert_error("closs loss l1 - 0 < short.npy", 2, "INPUT: '-': truncated");
  assert_error("closs loss l1 object.npy 0", 2, "INPUT: 'object.npy': an array of Python objects ('|O'); not read");
  assert_error("closs loss l1 text.npy 0", 2, "INPUT: 'text.npy': elements of type '<U1'");
  assert_error("head -c 1000 $DATA/china.png > cut.png; closs loss l1 cut.png 0", 2,
               "INPUT: 'cut.png': damaged .png file");
  assert_error("closs loss l1 '[1, [2]]' 0", 2, "INPUT: lists of unequal depth");
  assert_error("closs loss l1 '[1, 2]' '[1, 2, 3]'", 2, "target: dimension 0 is 3, input has 2");
  assert_error("closs loss l2 1 2", 2, "LOSS: 'l2' is no loss; see closs losses");
  assert_error("closs loss l1 1", 2, "closs loss: 2 operands; expected LOSS INPUT TARGET");
  assert_error("closs loss", 2, "closs loss: 0 operands; expected LOSS INPUT TARGET");
  assert_error("closs loss l1 1 2 3", 2, "closs loss: unexpected '3' behind LOSS INPUT TARGET");
  /* A name cannot break the line. */
  assert_error("closs loss l1 \"$(printf 'a\\nb')\" 0", 2, "INPUT: 'a?b' cannot be read");
}

static void options_without_effect(void **state) {
  (void)state;
  assert_error("closs loss l1 1 2 --grad-output 2", 2,
               "--grad-output: no effect without --grad-input or --grad-target");
  assert_error("closs loss l1 1 2 --mean-over count", 2, "--mean-over: no effect without --weight");
  assert_error("closs loss l1 1 2 --weight 1 --mean-over count --reduction sum", 2,
               "--mean-over: no effect with --reduction sum");
  assert_error("closs loss l1 1 2 --png a.png", 2, "--png: INPUT '1' is no .png picture; expected two");
  assert_error("closs loss l1 $DATA/china.png $DATA/china.npy --png a.png", 2, "--png: TARGET '");
  assert_error("closs loss l1 1 2 --probe", 2, "--probe: no option of closs loss; see closs loss --help");
  assert_error("closs devices --device 0", 2, "--device: no option of closs devices");
  assert_error("closs loss l1 1 2 --nonesuch", 2, "--nonesuch: unknown option; see closs --help");
  assert_error("closs loss l1 1 2 --reduction", 2, "--reduction: needs an argument: R");
  assert_error("closs loss l1 1 2 --json=1 --reduction none", 2, "--json takes no argument");
  assert_error("closs loss l1 1 2 --reduction avg", 2, "--reduction: 'avg'; expected none, mean or sum");
  assert_error("closs loss l1 1 2 --weight 1 --mean-over n", 2, "--mean-over: 'n'; expected weights or count");
  assert_error("closs loss l1 1 2 --dtype i8", 2, "--dtype: 'i8'; expected f16, bf16, f32, f64, c64 or c128");
  assert_error("closs loss l1 1 2 --schedule rows", 2, "--schedule: 'rows'; expected auto, lanes or groups");
  assert_files("");
}

static void later_versions(void **state) {
  (void)state;
  assert_error("CLOSS_BUNDLE=x closs loss l1 1 2", 2, "$CLOSS_BUNDLE: 'x' cannot be read: No such file or directory");
  assert_error("echo no > x; CLOSS_BUNDLE=x closs check", 2, "$CLOSS_BUNDLE: 'x': 3 bytes that are no bundle of closs");
  assert_run("CLOSS_BUNDLE= closs loss l1 1 2", 0, "1\n");
}

static void errors_as_json(void **state) {
  (void)state;
  assert_run("closs loss l1 '\"\\' 0 --json", 2, "");
  assert_string_equal(run_err,
                      "{\"error\": \"INPUT: '\\\"\\\\' cannot be read: No such file or directory\", \"status\": 2}\n");
  assert_run("closs loss l1 1 2 --json --none", 2, "");
  assert_string_equal(run_err, "{\"error\": \"--none: unknown option; see closs --help\", \"status\": 2}\n");
  assert_run("closs --json nothing", 2, "");
  assert_string_equal(run_err, "{\"error\": \"nothing: unknown command; expected devices, losses, loss, fit, curve, "
                               "check, bench, pack or cache\", \"status\": 2}\n");
  assert_run("closs loss l1 1 2 --json > /dev/full", 1, "");
  assert_string_equal(run_err,
                      "{\"error\": \"standard output: cannot be written: No space left on device\", \"status\": 1}\n");
}

/* ---- pictures ---- */

static void photograph(void **state) {
  (void)state;
  assert_run("closs loss l1 $DATA/china.png $DATA/china-jpeg10.png | cut -c 1-9", 0, "0.0448241\n");
  assert_run("closs loss mse $DATA/china.png $DATA/china-jpeg10.png | cut -c 1-8", 0, "0.005029\n");
  assert_run("closs loss l1 $DATA/china.npy $DATA/china-jpeg10.npy", 0, "0.04482414\n");
  assert_run("closs loss l1 $DATA/china.npy $DATA/china.png", 0, "0\n");
  assert_json("closs loss mse $DATA/china.npy $DATA/china-jpeg10.png --json",
              "\"elements\": 196608, \"bytes\": 1572868, ");
}

/* The difference of the photographs as a picture, against the unreduced loss that the program prints. */
static void difference_picture(void **state) {
  (void)state;
  enum { SIZE = 256 * 256 };
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  assert_run("closs loss l1 $DATA/china.png $DATA/china-jpeg10.png --png d.png", 0, "0.04482414\n");
  FILE *file = fopen("d.png", "rb");
  assert_non_null(file);
  static char png[1 << 20];
  size_t size = fread(png, 1, sizeof png, file);
  fclose(file);
  assert_true(picture_read("d.png", png, size, &tensor, &data, &failure));
  assert_int_equal(tensor.shape[0], 256);
  assert_int_equal(tensor.shape[1], 256);
  assert_int_equal(tensor.shape[2], 1);
  assert_run(
      "closs loss l1 $DATA/china.png $DATA/china-jpeg10.png --reduction none --png e.png -o l.npy; cmp d.png e.png", 0,
      "");
  static float loss[SIZE * 3];
  file = fopen("l.npy", "rb");
  assert_non_null(file);
  assert_int_equal(fseek(file, 128, SEEK_SET), 0);
  assert_int_equal(fread(loss, sizeof(float), SIZE * 3, file), SIZE * 3);
  fclose(file);
  double largest = 0;
  static double means[SIZE];
  for (int i = 0; i < SIZE; i++) {
    means[i] = ((double)loss[3 * i] + (double)loss[3 * i + 1] + (double)loss[3 * i + 2]) / 3;
    largest = fmax(largest, means[i]);
  }
  for (int i = 0; i < SIZE; i++) {
    double grey = round((double)((float *)data)[i] * 255);
    assert_true(fabs(grey - means[i] / largest * 255) <= 0.5 + 1e-9);
  }
  free(data);
}

/* NaN is white, and a picture against itself all black. */
static void picture_extremes(void **state) {
  (void)state;
  struct failure failure = {0, ""};
  void *png;
  size_t size;
  const unsigned char pixels[4] = {0, 50, 100, 200};
  assert_true(picture_write("x", pixels, 2, 2, &png, &size, &failure));
  FILE *file = fopen("p.png", "wb");
  assert_non_null(file);
  assert_int_equal(fwrite(png, 1, size, file), size);
  fclose(file);
  free(png);
  static const struct {
    const char *options;
    float expected[4];
  } cases[] = {{"p.png p.png", {0, 0, 0, 0}},
               {"p.png p.png --weight '[[[nan], [1]], [[1], [1]]]'", {1, 0, 0, 0}},
               {"p.png p.png --weight inf", {1, 1, 1, 1}}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char command[128], bytes[1024];
    closs_tensor tensor;
    void *data;
    snprintf(command, sizeof command, "closs loss l1 %s --reduction sum --png d.png", cases[i].options);
    assert_int_equal(run(command), 0);
    file = fopen("d.png", "rb");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_true(picture_read("d.png", bytes, size, &tensor, &data, &failure));
    assert_memory_equal(data, cases[i].expected, sizeof cases[i].expected);
    free(data);
  }
}

/* ---- outputs ---- */

static void outputs(void **state) {
  (void)state;
  const float values[2] = {1, 2};
  put_npy("a.npy", "<f4", "False", "(2,)", values, 8);
  /* An output may be an input, and links are followed. */
  assert_run("ln -s a.npy link; closs loss mse link 0 --reduction none -o link", 0, "");
  assert_npy("a.npy", "<f4", "(2,)", (const float[]){1, 4}, 8);
  assert_run("closs loss mse a.npy 0 -o /dev/null", 0, "");
  assert_int_equal(run("closs loss mse a.npy 0 -o /dev/stdout | head -c 6 | tail -c 5"), 0);
  assert_string_equal(run_out, "NUMPY");
  assert_error("closs loss l1 1 2 -o x --grad-input ./x", 2, "--grad-input: './x' is the same file as --output 'x'");
  assert_error("closs loss l1 1 2 -o a.npy --grad-input link", 2,
               "--grad-input: 'link' is the same file as --output 'a.npy'");
  assert_error("closs loss l1 1 2 -o missing/x", 1,
               "--output: 'missing/x' cannot be written: No such file or directory");
  assert_error("closs loss l1 1 2 -o .", 1, "--output: '.' cannot be written: Is a directory");
  assert_files("a.npy link");
}

/* Whatever fails, no output is written or changed, and nothing is left behind. */
static void all_or_nothing(void **state) {
  (void)state;
  static const char keep[] = "echo old > a; ";
  static const struct {
    const char *command;
    int status;
    const char *error;
  } cases[] = {
      {"closs loss l1 1 2 -o a --grad-input /dev/full", 1,
       "--grad-input: '/dev/full' cannot be written: No space left"},
      {"closs loss l1 1 2 --grad-input a > /dev/full", 1,
       "standard output: cannot be written: No space left on device"},
      {"closs loss l1 1 2 --grad-input a >&-", 1, "standard output: cannot be written: "},
      {"closs loss l1 '[1, 2]' '[1, 2, 3]' -o a", 2, "target: "},
      {"closs loss huber 1 2 --delta 0 -o a", 2, "delta"},
      {"closs loss l1 1 2 -o a --device nonesuch", 2, "--device"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char command[256];
    snprintf(command, sizeof command, "%s%s", keep, cases[i].command);
    assert_error(command, cases[i].status, cases[i].error);
    assert_run("cat a", 0, "old\n");
    assert_files("a");
  }
  assert_error("closs losses > /dev/full", 1, "standard output: cannot be written: No space left on device");
  assert_error("closs --help >&-", 1, "standard output: cannot be written: ");
  /* With stdout closed and nothing to print, all is well. */
  assert_run("closs loss l1 1 2 -o a >&-", 0, "");
  assert_npy("a", "<f4", "()", (const float[]){1}, 4);
}

static void closed_pipe(void **state) {
  (void)state;
  assert_int_equal(
      run("{ closs loss l1 $DATA/china.png 0 --reduction none; echo $? > status; } | head -n 1; cat status"), 0);
  assert_string_equal(run_out, "0.2509804\n1\n");
  assert_string_equal(run_err, "closs: standard output: cannot be written: Broken pipe\n");
}

/* A program that waits for the reader of a pipe, with its other output under a temporary name, is interrupted. */
static void interrupted(void **state) {
  (void)state;
  assert_run("mkfifo p; echo old > a\n"
             "\"$CLOSS_PROGRAM\" loss l1 1 2 -o a --grad-input p & pid=$!\n"
             "while kill -0 $pid && test $(cat .closs-* 2> /dev/null | wc -c) -lt 132; do sleep 0.05; done\n"
             "kill -TERM $pid; wait $pid; echo $?; cat a",
             0, "130\nold\n");
  assert_string_equal(run_err, "closs: interrupted\n");
  assert_files("a p");
}

/* An input is cut short while the program waits for another. */
static void shortened(void **state) {
  (void)state;
  const float one = 1;
  put_npy("w.npy", "<f4", "False", "()", &one, 4);
  assert_error("cp $DATA/china.npy big.npy; echo old > a\n"
               "{ while ! grep -qs \"$PWD/big.npy\" /proc/[0-9]*/maps; do sleep 0.05; done; truncate -s 200 big.npy; "
               "cat w.npy; } |"
               " closs loss l1 big.npy 0 --weight - -o a",
               2, "closs: INPUT: 'big.npy' was shortened while it was read");
  assert_run("cat a", 0, "old\n");
  assert_files("a big.npy w.npy");
}

static void progress(void **state) {
  (void)state;
  assert_int_equal(
      run("mkfifo p; { sleep 2.5; cat $DATA/china.npy; } > p & script -qec '\"$CLOSS_PROGRAM\" loss l1 p 0' /dev/null"),
      0);
  assert_non_null(strstr(run_out, "\rcloss: l1, 1 s\033[K\rcloss: l1, 2 s\033[K"));
  assert_non_null(strstr(run_out, "\r\033[K0."));
}

static void verbose(void **state) {
  (void)state;
  assert_run("closs loss l1 1 2 -v", 0, "1\n");
  assert_int_equal(strncmp(run_err, "closs: ", 7), 0);
  assert_non_null(strstr(run_err, "compil"));
  assert_run("closs loss l1 1 2", 0, "1\n");
  assert_string_equal(run_err, "");
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {
      TEST(about_itself),
      TEST(losses),
      TEST(devices),
      TEST(no_device),
      TEST(choice_of_device),
      TEST(reductions),
      TEST(json),
      TEST(parameters),
      TEST(weights),
      TEST(gradients),
      TEST(types),
      TEST(npy_files),
      TEST(wrong_inputs),
      TEST(options_without_effect),
      TEST(later_versions),
      TEST(errors_as_json),
      TEST(photograph),
      TEST(difference_picture),
      TEST(picture_extremes),
      TEST(outputs),
      TEST(all_or_nothing),
      TEST(closed_pipe),
      TEST(interrupted),
      TEST(shortened),
      TEST(progress),
      TEST(verbose),
  };
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
