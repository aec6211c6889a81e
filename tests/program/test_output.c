/* Files that are written: all of them or none, whatever stands at their place. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"
#include "program.h"

#include "output.h"
#include "signals.h"

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  fputs(text, file);
  fclose(file);
}

static void assert_content(const char *path, const char *expected) {
  char text[64] = "";
  FILE *file = fopen(path, "r");
  if (file == NULL) fail_msg("%s is missing", path);
  assert_int_equal(fread(text, 1, sizeof text - 1, file), strlen(expected));
  fclose(file);
  assert_string_equal(text, expected);
}

static void assert_entries(int expected) {
  char command[128];
  snprintf(command, sizeof command, "test $(ls -A | wc -l) = %d", expected);
  if (system(command) != 0) {
    assert_int_equal(system("ls -lA"), 0);
    fail_msg("expected %d files", expected);
  }
}

static struct output *add(struct outputs *outputs, const char *path, const char *text) {
  struct failure failure = {0, ""};
  struct output *output = outputs_add(outputs, "--output", path, &failure);
  if (output == NULL) fail_msg("%s", failure.text);
  output->parts[0] = "head ";
  output->sizes[0] = 5;
  output->parts[1] = text;
  output->sizes[1] = strlen(text);
  return output;
}

/*
 * Commits in a child process: from the commit on a process takes no signal any more. The parent's outputs stay
 * uncommitted.
 */
static int commit(struct outputs *outputs) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct failure failure = {0, ""};
    if (outputs_write(outputs, &failure)) outputs_commit(outputs, &failure);
    outputs_release(outputs);
    _exit(failure.status);
  }
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void new_files(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  struct stat status;
  mode_t mask = umask(027);
  add(&outputs, "a", "one");
  add(&outputs, "./b", "two");
  umask(mask);
  assert_int_equal(access("a", F_OK), -1);
  assert_entries(2);
  assert_int_equal(commit(&outputs), 0);
  outputs_release(&outputs);
  assert_content("a", "head one");
  assert_content("b", "head two");
  assert_int_equal(stat("a", &status), 0);
  assert_int_equal(status.st_mode & 0777, 0640);
  assert_entries(2);
}

static void replaces(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  struct stat status;
  put("a", "old");
  chmod("a", 0604);
  add(&outputs, "a", "new");
  assert_content("a", "old");
  assert_int_equal(commit(&outputs), 0);
  outputs_release(&outputs);
  assert_content("a", "head new");
  assert_int_equal(stat("a", &status), 0);
  assert_int_equal(status.st_mode & 0777, 0604);
  assert_entries(1);
}

static void discards(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  struct failure failure = {0, ""};
  put("a", "old");
  add(&outputs, "a", "new");
  add(&outputs, "b", "new");
  assert_true(outputs_write(&outputs, &failure));
  outputs_release(&outputs);
  assert_content("a", "old");
  assert_entries(1);
}

static void follows_links(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  struct stat status;
  assert_int_equal(mkdir("deep", 0777), 0);
  put("deep/file", "old");
  assert_int_equal(symlink("deep/file", "link"), 0);
  assert_int_equal(symlink("link", "link2"), 0);
  assert_int_equal(symlink("deep/missing", "dangling"), 0);
  add(&outputs, "link2", "new");
  add(&outputs, "dangling", "made");
  assert_int_equal(commit(&outputs), 0);
  outputs_release(&outputs);
  assert_content("deep/file", "head new");
  assert_content("deep/missing", "head made");
  assert_int_equal(lstat("link2", &status), 0);
  assert_true(S_ISLNK(status.st_mode));
  assert_entries(4);
}

static void in_place(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  char text[16] = "";
  assert_int_equal(mkfifo("pipe", 0666), 0);
  int reader = open("pipe", O_RDONLY | O_NONBLOCK);
  add(&outputs, "/dev/null", "gone");
  add(&outputs, "pipe", "through");
  assert_entries(1);
  assert_int_equal(commit(&outputs), 0);
  outputs_release(&outputs);
  assert_int_equal(read(reader, text, sizeof text - 1), 12);
  assert_string_equal(text, "head through");
  close(reader);
  assert_entries(1);
}

static void assert_refused(struct outputs *outputs, const char *path, int status, const char *why) {
  struct failure failure = {0, ""};
  assert_null(outputs_add(outputs, "--grad-input", path, &failure));
  assert_failure(&failure, status, why);
  assert_failure(&failure, status, "--grad-input: '");
}

static void one_path_twice(void **state) {
  (void)state;
  const char *const same[][2] = {{"a", "./a"},      {"old", "hard"},     {"old", "soft"}, {"/dev/null", "/dev/null"},
                                 {"new", "to-new"}, {"folder/../b", "b"}};
  put("old", "");
  assert_int_equal(mkdir("folder", 0777), 0);
  assert_int_equal(link("old", "hard") | symlink("old", "soft") | symlink("new", "to-new"), 0);
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    struct outputs outputs = {.count = 0};
    add(&outputs, same[i][0], "");
    assert_refused(&outputs, same[i][1], STATUS_USAGE, "is the same file as --output");
    outputs_release(&outputs);
  }
  assert_entries(5);
}

static void cannot_be_written(void **state) {
  (void)state;
  const char *const paths[] = {"missing/a", "folder", "folder/", "", "file/a", "loop", "new/"};
  assert_int_equal(mkdir("folder", 0777), 0);
  put("file", "");
  assert_int_equal(symlink("loop", "loop"), 0);
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    struct outputs outputs = {.count = 0};
    assert_refused(&outputs, paths[i], STATUS_FAILED, "cannot be written: ");
    outputs_release(&outputs);
  }
  assert_entries(3);
}

/* The second of two files cannot be put in place: the first is as it was. */
static void takes_back(void **state) {
  (void)state;
  for (int existed = 0; existed < 2; existed++) {
    struct outputs outputs = {.count = 0};
    if (existed == 1) put("a", "old");
    add(&outputs, "a", "new");
    add(&outputs, "b", "new");
    assert_int_equal(mkdir("b", 0777), 0); /* comes between */
    assert_int_equal(commit(&outputs), STATUS_FAILED);
    outputs_release(&outputs);
    if (existed == 1) assert_content("a", "old");
    assert_entries(1 + existed);
    assert_int_equal(rmdir("b"), 0);
  }
}

static void full_disk(void **state) {
  (void)state;
  struct outputs outputs = {.count = 0};
  add(&outputs, "a", "new");
  add(&outputs, "/dev/full", "new");
  assert_int_equal(commit(&outputs), STATUS_FAILED);
  outputs_release(&outputs);
  assert_entries(0);
}

/* A process that has a temporary file gets a signal. */
static int status_after(int number, bool ignored, bool json, char *said, size_t said_size) {
  int ready[2], told[2];
  assert_int_equal(pipe(ready) | pipe(told), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    struct outputs outputs = {.count = 0};
    struct failure failure = {0, ""};
    dup2(told[1], STDERR_FILENO);
    signal(number, ignored ? SIG_IGN : SIG_DFL);
    signals_install(json);
    if (outputs_add(&outputs, "--output", "a", &failure) == NULL || write(ready[1], "x", 1) != 1) _exit(99);
    if (ignored) kill(getpid(), number);
    if (!ignored) sleep(20);
    outputs_release(&outputs);
    _exit(0);
  }
  char byte;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  if (!ignored) kill(child, number);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  close(told[1]);
  ssize_t length = read(told[0], said, said_size - 1);
  said[length > 0 ? length : 0] = 0;
  close(told[0]);
  close(ready[0]);
  close(ready[1]);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void interrupted(void **state) {
  (void)state;
  char said[128];
  static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
    assert_int_equal(status_after(numbers[i], false, false, said, sizeof said), STATUS_STOPPED);
    assert_string_equal(said, "closs: interrupted\n");
    assert_entries(0);
  }
  assert_int_equal(status_after(SIGINT, false, true, said, sizeof said), STATUS_STOPPED);
  assert_string_equal(said, "{\"error\": \"interrupted\", \"status\": 130}\n");
  assert_int_equal(status_after(SIGHUP, true, false, said, sizeof said), 0);
  assert_string_equal(said, "");
  assert_entries(0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, folder_start, folder_end)
  const struct CMUnitTest tests[] = {
      TEST(new_files),      TEST(replaces),          TEST(discards),   TEST(follows_links), TEST(in_place),
      TEST(one_path_twice), TEST(cannot_be_written), TEST(takes_back), TEST(full_disk),     TEST(interrupted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
