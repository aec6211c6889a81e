/* The program among others' faults: an absurd environment, a driver that sets the locale, standard streams that are
 * closed or full, outputs in the place of inputs, and a cache folder that somebody else prepared. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"

/* ---- the environment ---- */

static void set_long(size_t length) {
  char *text = malloc(length + 1);
  assert_non_null(text);
  memset(text, 'x', length);
  text[0] = '/';
  text[length] = 0;
  setenv("LONG", text, 1);
  free(text);
}

/* A cache that can't be is no reason to fail, but where it is asked for. */
static void long_cache_folders(void **state) {
  (void)state;
  static const struct {
    size_t length;
    const char *setting, *why;
  } cases[] = {
      {3000, "CLOSS_CACHE= CLOSS_CACHE_DIR=$LONG", "' is not used: File name too long"},
      {100000, "CLOSS_CACHE= CLOSS_CACHE_DIR=$LONG", "no disk cache: path: the cache folder's name has 100000 bytes"},
      {100000, "CLOSS_CACHE= XDG_CACHE_HOME=$LONG", "no disk cache: path: the cache folder's name has 100006 bytes"},
      {100000, "CLOSS_CACHE=$LONG XDG_CACHE_HOME= HOME=$LONG",
       "no disk cache: path: the cache folder's name has 100013 "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char command[256];
    set_long(cases[i].length);
    snprintf(command, sizeof command, "%s closs loss l1 1 3 -v", cases[i].setting);
    assert_run(command, 0, "2\n");
    if (strstr(run_err, cases[i].why) == NULL) fail_msg("%s\n%s", command, run_err);
  }
  assert_run("CLOSS_CACHE= CLOSS_CACHE_DIR=$LONG closs loss l1 1 3", 0, "2\n");
  assert_string_equal(run_err, "");
  assert_error("CLOSS_CACHE= CLOSS_CACHE_DIR=$LONG closs cache path", 2,
               "the cache folder's name has 100000 bytes, expected at most 4095");
  assert_error("CLOSS_CACHE= CLOSS_CACHE_DIR=$LONG closs cache clear", 2, "has 100000 bytes");
}

/* A line, and with --json an object, whatever was cut. */
static void long_names(void **state) {
  (void)state;
  static const struct {
    const char *command;
    int status;
    const char *error;
  } cases[] = {
      {"CLOSS_DEVICE=$LONG closs loss l1 1 3", 2, "$CLOSS_DEVICE: '/xxx"},
      {"CLOSS_BUNDLE=$LONG closs loss l1 1 3", 2, "$CLOSS_BUNDLE: '/xxx"},
      {"closs loss l1 $LONG 3", 2, "INPUT: '/xxx"},
      {"closs loss $LONG 1 3", 2, "'/xxx"},
      {"closs loss l1 1 3 --beta $LONG", 2, "beta"},
      {"closs loss l1 1 3 --device $LONG", 2, "--device: '/xxx"},
      {"closs loss l1 1 3 -o $LONG", 1, "--output: '/xxx"},
      {"closs $LONG", 2, "/xxx"},
      {"closs loss --$LONG", 2, "--/xxx"},
  };
  set_long(100000);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char command[256];
    assert_error(cases[i].command, cases[i].status, cases[i].error);
    snprintf(command, sizeof command,
             "%s --json 2>&1 | python3 -c 'import json, sys; print(json.load(sys.stdin)[\"status\"])'",
             cases[i].command);
    assert_run(command, 0, cases[i].status == 1 ? "1\n" : "2\n");
  }
}

/* A locale whose decimal point is a comma, for this folder's programs alone. */
static bool make_comma_locale(void) {
  char here[256];
  assert_non_null(getcwd(here, sizeof here));
  setenv("LOCPATH", here, 1);
  /* It warns of the categories that are not there. */
  run("printf 'LC_NUMERIC\ndecimal_point \"<U002C>\"\nthousands_sep \"\"\ngrouping -1\nEND LC_NUMERIC\n' > source; "
      "localedef -c -i $PWD/source $PWD/comma");
  return run("test -f comma/LC_NUMERIC") == 0;
}

/* Numbers are read and written with a point, though a driver sets a locale that has commas. */
static void comma_locale(void **state) {
  (void)state;
  static const char *const commands[] = {
      "closs loss mse 1.5 0 --weight 0.25 --json --reduction sum | sed 's/\"seconds.*//'",
      "closs loss huber '[1.5, 2.25]' '[0, 0]' --delta 0.75 --reduction none",
      "closs loss huber 1 2 --delta -0.5",
      "closs losses",
      "closs bench l1 --sizes 1 | grep -c '[0-9],[0-9]'",
      "closs curve huber --param delta=0.5 -o a.png && od a.png",
      "closs fit '[[1], [2], [4.5]]' '[1.5, 2, 3]' --loss mse --tolerance -1.5",
      "closs fit '[[1], [2], [4.5]]' '[1.5, 2, 3]' --loss mse --weight '[1, 1, -0.5]'",
      "closs fit '[[1], [2], [4.5]]' '[1.5, 2, 3]' --loss l1 --tolerance 1e-30 --max-iterations 1",
  };
  if (!make_comma_locale()) {
    print_message("skipped: the C library has no localedef\n");
    skip();
  }
  assert_run("env LC_NUMERIC=comma printf %.1f 1,5", 0, "1,5"); /* it is one */
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    char command[512];
    snprintf(command, sizeof command,
             "%s > point.txt 2>&1; closs() { LD_PRELOAD=$LOCALE LC_NUMERIC=comma \"$CLOSS_PROGRAM\" \"$@\"; }; "
             "%s > comma.txt 2>&1; diff point.txt comma.txt && test -s point.txt",
             commands[i], commands[i]);
    assert_run(command, 0, "");
  }
}

/* ---- standard streams ---- */

static void standard_output(void **state) {
  (void)state;
  static const char *const commands[] = {
      "closs loss l1 '[1, 2]' 0 --reduction none",
      "closs losses",
      "closs losses --json",
      "closs devices",
      "closs devices --json",
      "closs cache list --json",
      "closs --version",
      "closs loss --help",
      "closs bench l1 --sizes 1",
  };
  setenv("CLOSS_CACHE", "", 1);
  setenv("CLOSS_CACHE_DIR", "kept", 1);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    char command[128];
    snprintf(command, sizeof command, "%s > /dev/full", commands[i]);
    assert_run(command, 1, "");
    assert_string_equal(run_err, strstr(commands[i], "--json") == NULL
                                     ? "closs: standard output: cannot be written: No space left on device\n"
                                     : "{\"error\": \"standard output: cannot be written: No space left on device\", "
                                       "\"status\": 1}\n");
    snprintf(command, sizeof command, "%s >&-", commands[i]);
    assert_run(command, 1, "");
    assert_non_null(strstr(run_err, "standard output: cannot be written: "));
  }
}

/* What can't be said changes no status, and goes into no other file. */
static void standard_input_and_error(void **state) {
  (void)state;
  assert_error("closs loss l1 - 1 <&-", 2, "INPUT: '-' cannot be read: ");
  assert_run("closs loss l1 1 2 <&-", 0, "1\n");
  for (int full = 0; full < 2; full++) {
    setenv("ERR", full ? "/dev/full" : "/dev/null", 1);
    const char *const closed = full ? "2>$ERR" : "2>&-";
    char command[128];
    snprintf(command, sizeof command, "closs loss l1 1 3 -v %s", closed);
    assert_run(command, 0, "2\n");
    snprintf(command, sizeof command, "closs loss l1 '[1' 3 %s", closed);
    assert_run(command, 2, "");
    snprintf(command, sizeof command, "closs loss l1 1 3 %s > /dev/full", closed);
    assert_run(command, 1, "");
    snprintf(command, sizeof command, "closs loss l1 '[1' 3 -o a %s; echo $?; ls", closed);
    assert_run(command, 0, "2\nerr\nout\n");
  }
  assert_run("closs loss l1 1 3 -v -o a --grad-input b <&- >&- 2>&-", 0, "");
  assert_npy("a", "<f4", "()", (const float[]){2}, 4);
  assert_npy("b", "<f4", "()", (const float[]){-1}, 4);
  assert_run("closs loss l1 1 '[3' -v -o a --grad-input b <&- >&- 2>&-", 2, "");
  assert_npy("a", "<f4", "()", (const float[]){2}, 4);
}

/* ---- its own input ---- */

/* An output that takes the place of what is still being read: whole, in pieces, and from a pipe. */
static void onto_its_input(void **state) {
  (void)state;
  assert_run("closs loss mse $DATA/china.npy 0.5 --reduction none -o want\n"
             "for how in 'x 0.5' 'x 0.5 --memory 1M' '- 0.5'; do\n"
             "  cp $DATA/china.npy x; closs loss mse $how --reduction none -o x < x; cmp x want\n"
             "done",
             0, "");
  assert_string_equal(run_err, "");
}

/* ---- another user ---- */

/* Entries of another user, and links in the place of entries, in a folder that is otherwise one's own. */
static void planted_entries(void **state) {
  (void)state;
  if (geteuid() != 0) {
    print_message("skipped: only root can give files to another user\n");
    skip();
  }
  setenv("CLOSS_CACHE", "", 1);
  setenv("CLOSS_CACHE_DIR", "kept", 1);
  assert_json("closs loss l1 1 3 --json", "\"program\": \"compiled\"");
  assert_json("closs loss l1 1 3 --json", "\"program\": \"cached\"");
  assert_json("chown 12345 kept/*.closs; closs loss l1 1 3 --json", "\"program\": \"compiled\"");
  assert_run("stat -c %u kept/*.closs", 0, "0\n"); /* and root's own is in its place */
  assert_json("closs loss l1 1 3 --json", "\"program\": \"cached\"");
  assert_json("for e in kept/*.closs; do mv $e elsewhere; ln -s ../elsewhere $e; done; cp elsewhere before; "
              "closs loss l1 1 3 --json",
              "\"program\": \"compiled\"");
  assert_run("cmp before elsewhere; find kept -type l", 0, "");
  assert_json("closs loss l1 1 3 --json", "\"program\": \"cached\"");
}

/* A folder that root prepared, for a user who is not root. */
static void anothers_folder(void **state) {
  (void)state;
  static const char as[] = "mkdir -p pocl; chown 12345 pocl .; as() { POCL_CACHE_DIR=$PWD/pocl setpriv --reuid 12345 "
                           "--regid 12345 --clear-groups \"$@\"; }; ";
  char command[1024];
  snprintf(command, sizeof command, "%s as \"$CLOSS_PROGRAM\" --version", as);
  if (geteuid() != 0 || run(command) != 0) {
    print_message("skipped: the program can't be run as another user here\n");
    skip();
  }
  snprintf(
      command, sizeof command,
      "%s mkdir -m 777 theirs; chmod 777 theirs; mkdir -m 700 shut; mkdir -m 755 read; ln -s shut link; "
      "for d in theirs shut read link; do CLOSS_CACHE= CLOSS_CACHE_DIR=$d as \"$CLOSS_PROGRAM\" loss l1 1 3 -v; done; "
      "ls -A theirs shut read; CLOSS_CACHE= CLOSS_CACHE_DIR=own as \"$CLOSS_PROGRAM\" loss l1 1 3; ls own | wc -l",
      as);
  assert_run(command, 0, "2\n2\n2\n2\nread:\n\nshut:\n\ntheirs:\n2\n1\n");
  assert_non_null(strstr(run_err, "cache folder 'theirs' is not used: it belongs to user 0, not to 12345"));
  assert_non_null(strstr(run_err, "cache folder 'shut' is not used: Permission denied"));
  assert_non_null(strstr(run_err, "cache folder 'read' is not used: it belongs to user 0, not to 12345"));
  assert_non_null(strstr(run_err, "cache folder 'link' is not used: "));
}

int main(int argc, char **argv) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, run_start, run_end)
  const struct CMUnitTest tests[] = {
      TEST(long_cache_folders),       TEST(long_names),     TEST(comma_locale),    TEST(standard_output),
      TEST(standard_input_and_error), TEST(onto_its_input), TEST(planted_entries), TEST(anothers_folder),
  };
  if (argc != 3) return 2;
  run_program = argv[1];
  setenv("LOCALE", argv[2], 1);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
