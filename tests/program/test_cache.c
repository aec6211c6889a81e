/* The disk cache as the program uses it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "run.h"

static int start(void **state) {
  if (run_start(state) != 0) return 1;
  unsetenv("CLOSS_CACHE");
  unsetenv("XDG_CACHE_HOME");
  return setenv("CLOSS_CACHE_DIR", "kept", 1);
}

static void folder(void **state) {
  (void)state;
  assert_run("closs cache path", 0, "kept\n");
  assert_run("CLOSS_CACHE_DIR= HOME=/h closs cache path", 0, "/h/.cache/closs\n");
  assert_run("CLOSS_CACHE_DIR= HOME=/h XDG_CACHE_HOME=/x closs cache path", 0, "/x/closs\n");
  assert_run("CLOSS_CACHE=0 closs cache path", 0, "");
  assert_non_null(strstr(run_err, "closs: no disk cache: $CLOSS_CACHE is 0"));
  assert_json("CLOSS_CACHE=0 closs cache list --json", "{\"path\": null, \"bytes\": 0, \"entries\": []}");
  assert_json("closs cache path --json", "{\"path\": \"kept\", \"bytes\": 0, \"entries\": []}");
  assert_error("closs cache", 2, "closs cache: nothing to do; expected path, list or clear");
  assert_error("closs cache empty", 2, "closs cache: 'empty'; expected path, list or clear");
  assert_error("closs cache list all", 2, "closs cache list: unexpected 'all'");
  assert_files(""); /* nothing of this makes a folder */
}

static void kept(void **state) {
  (void)state;
  assert_json("closs loss l1 1 3 --json", "\"program\": \"compiled\"");
  assert_run("stat -c %a kept", 0, "700\n");
  assert_json("closs loss l1 '[7, 1]' '[3, 1]' --json", "\"program\": \"cached\"");
  assert_json("closs loss l1 7 3 --json", "\"loss\": 4, \"bits\": \"0x40800000\"");
  assert_json("CLOSS_CACHE=0 closs loss l1 7 3 --json", "\"program\": \"compiled\"");
  assert_run("closs cache list | awk -F '\\t' '{ print NF, $2, ($3 > 64), $4 ~ /^20..-..-..T..:..:..Z$/ }'", 0,
             "4 l1 contiguous_f32 pass 1 1\n");
  assert_json("closs cache list --json", "{\"path\": \"kept\", \"bytes\": ");
  assert_non_null(strstr(run_out, ", \"entries\": [{\"device\": \""));
  assert_non_null(strstr(run_out, "\", \"variant\": \"l1 contiguous_f32 pass\", \"bytes\": "));
  assert_non_null(strstr(run_out, ", \"used\": \"20"));
  assert_run("closs devices | cut -f 7 | sort -u; closs devices --probe | cut -f 7 | sort -u; closs devices | cut -f 7 "
             "| sort -u",
             0, "-\nexact\nexact\n");
  assert_run("closs cache list | cut -f 2 | sort | uniq -c | sed 's/^ *[0-9]* //'", 0,
             "class\nl1 contiguous_f32 pass\nprobe contiguous_f32\nprobe contiguous_f64\n");
  assert_run("closs cache clear && closs cache list", 0, "");
  assert_json("closs cache clear --json", "{\"path\": \"kept\", \"bytes\": 0, \"entries\": []}");
  assert_json("closs loss l1 1 3 --json", "\"program\": \"compiled\"");
}

/* A cold start compiles one program, with the kernel and the loss that the call needs. */
static void cold(void **state) {
  (void)state;
  assert_run("closs loss mse 1 3 -v 2>&1 | grep -c compiling", 0, "1\n");
  assert_run("closs cache list | cut -f 2", 0, "mse contiguous_f32 pass\n");
}

static void damaged(void **state) {
  (void)state;
  assert_json("closs loss l1 1 3 --json", "\"program\": \"compiled\"");
  assert_json("printf x | dd of=$(echo kept/*.closs) bs=1 seek=1000 conv=notrunc 2>/dev/null; closs loss l1 1 3 --json",
              "\"program\": \"compiled\"");
  assert_json("truncate -s 999 kept/*.closs; closs loss l1 1 3 --json -v", "\"program\": \"compiled\"");
  assert_non_null(strstr(run_err, "warning: the disk cache: an entry of 999 bytes is damaged, and not used\n"));
  assert_json("closs loss l1 1 3 --json", "\"program\": \"cached\"");
}

/* Many processes on an empty cache, as many at once as half of the free memory holds compilers (0.3 GB each): all
 * succeed, and leave whole entries and nothing else. */
static void crowd(void **state) {
  (void)state;
  setenv("CROWD", getenv("CLOSS_TEST_FULL") != NULL ? "200" : "16", 1);
  assert_run("at_once=$(awk '/MemAvailable/ { print int($2 / 800000) }' /proc/meminfo); "
             "seq $CROWD | xargs -P $((at_once > 16 ? at_once : 16)) -I% sh -c '\"$CLOSS_PROGRAM\" loss l1 % 0 > %'; "
             "seq $CROWD > all; cat [0-9]* | sort -n | diff - all; rm [0-9]*",
             0, "");
  assert_string_equal(run_err, "");
  assert_run("ls -A kept | grep -vc '^[0-9a-f]*.closs$'", 1, "0\n");
  assert_json("closs loss l1 1 3 --json", "\"program\": \"cached\"");
}

static void unusable(void **state) {
  (void)state;
  assert_run("mkdir -m 777 open; chmod 777 open; CLOSS_CACHE_DIR=open closs loss l1 1 3 -v", 0, "2\n");
  assert_non_null(strstr(run_err, "warning: cache folder 'open' is not used: others may write to it (mode 777, "));
  assert_run("ls open", 0, "");
  assert_error("CLOSS_CACHE_DIR=open closs cache list", 2, "cache folder 'open': others may write to it");
  assert_error("CLOSS_CACHE_DIR=open closs cache clear", 2, "cache folder 'open': others may write to it");
  assert_run("CLOSS_CACHE_DIR=/proc/closs closs loss l1 1 3", 0, "2\n"); /* can't be made, by root neither */
  assert_string_equal(run_err, "");
  assert_run("touch file; CLOSS_CACHE_DIR=file closs loss l1 1 3", 0, "2\n");
  assert_run("mkdir -m 700 real; ln -s real link; CLOSS_CACHE_DIR=link closs loss l1 1 3; ls real", 0, "2\n");
  assert_run("env -u HOME -u CLOSS_CACHE_DIR \"$CLOSS_PROGRAM\" loss l1 1 3", 0, "2\n");
}

/* A disk that is full or read-only, in a file system of the test's own; needs root, and namespaces. */
static void full_disk(void **state) {
  (void)state;
  if (geteuid() != 0 || run("unshare -m true") != 0) {
    print_message("skipped: no file system can be mounted here\n");
    skip();
  }
  assert_run("mkdir small; unshare -m sh -c 'mount -t tmpfs -o size=64k,mode=700 none small; "
             "CLOSS_CACHE_DIR=small/kept \"$CLOSS_PROGRAM\" loss l1 1 3 -v; ls -A small/kept'",
             0, "2\n");
  assert_non_null(strstr(run_err, "bytes could not be kept: No space left on device\n"));
  assert_run(
      "closs loss l1 1 3; unshare -m sh -c 'mount --bind kept kept; mount -o remount,bind,ro kept; touch kept/x; "
      "\"$CLOSS_PROGRAM\" loss l1 1 3 --json | grep -o cached; \"$CLOSS_PROGRAM\" loss mse 1 3'",
      0, "2\ncached\n4\n");
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, run_end)
  const struct CMUnitTest tests[] = {
      TEST(folder), TEST(kept), TEST(cold), TEST(damaged), TEST(crowd), TEST(unusable), TEST(full_disk),
  };
  if (argc != 2) return 2;
  run_program = argv[1];
  return cmocka_run_group_tests(tests, NULL, NULL);
}
