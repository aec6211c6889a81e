/* Entries, keys, and the disk cache: a folder of the test's own, no OpenCL. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sha256.h"
#include "program/disk.h"
#include "program/entry.h"
#include "program/key.h"
#include "program/source.h"
#include "program/store.h"
#include "support/harness.h"

static struct {
  char folder[64], path[128];
  char log[512];
} here;

static closs_context context;

static void log_line(void *user, closs_log_level level, const char *line) {
  (void)user;
  (void)level;
  (void)snprintf(here.log, sizeof here.log, "%s", line);
}

static int set_up(void **state) {
  (void)state;
  memset(&here, 0, sizeof here);
  memset(&context, 0, sizeof context);
  context.log = log_line;
  strcpy(here.folder, "/tmp/closs-test-XXXXXX");
  if (mkdtemp(here.folder) == NULL) return -1;
  (void)snprintf(here.path, sizeof here.path, "%s/a/cache", here.folder);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  char command[128];
  (void)snprintf(command, sizeof command, "rm -rf %s", here.folder);
  return system(command);
}

static closs_disk *opened(uint64_t limit) {
  closs_disk *disk = NULL;
  assert_int_equal(closs_disk_open(&context, here.path, limit, &disk, NULL), CLOSS_OK);
  return disk;
}

/* ---- entries ---- */

static void entries(void **state) {
  (void)state;
  unsigned char bytes[256];
  closs_entry entry;
  const size_t size = closs_entry_size("key", 7);
  closs_entry_write(bytes, "key", "payload", 7);
  assert_true(closs_entry_read(bytes, size, "key", &entry));
  assert_int_equal(entry.payload_size, 7);
  assert_memory_equal(entry.payload, "payload", 7);
  /* Numbers are little-endian whatever the host: a folder may be shared. */
  static const unsigned char numbers[16] = {CLOSS_ENTRY_HEADER + 10, 0, 0, 0, 0, 0, 0, 0, 3};
  assert_memory_equal(bytes + 16, numbers, sizeof numbers);
  /* The whole key counts, not where it hashes to. */
  assert_false(closs_entry_read(bytes, size, "kex", &entry));
  assert_false(closs_entry_read(bytes, size, "ke", &entry));
  assert_false(closs_entry_read(bytes, size, "keyp", &entry));
  for (size_t cut = 0; cut < size; cut++)
    assert_false(closs_entry_read(bytes, cut, "key", &entry));
  assert_false(closs_entry_read(bytes, size + 1, "key", &entry));
  for (size_t i = 0; i < size; i++)
    for (int bit = 0; bit < 8; bit++) {
      bytes[i] ^= (unsigned char)(1 << bit);
      if (closs_entry_read(bytes, size, "key", &entry)) fail_msg("bit %d of byte %zu is not seen", bit, i);
      bytes[i] ^= (unsigned char)(1 << bit);
    }
  assert_true(closs_entry_read(bytes, size, "key", &entry));
  closs_entry_write(bytes, "", "", 0);
  assert_true(closs_entry_read(bytes, CLOSS_ENTRY_HEADER, "", &entry));
  assert_int_equal(entry.payload_size, 0);
}

/* ---- keys ---- */

static void keys(void **state) {
  (void)state;
  char identity[] = "platform P\ndevice D\n", other[] = "platform P\ndevice E\n";
  closs_program_spec spec = {
      .variant = CLOSS_CONTIGUOUS_F32, .loss = CLOSS_L1, .bodies = CLOSS_BODY_PASS, .flags = CLOSS_ANY};
  const char *line;
  context.identity = identity;
  char *first = closs_key_program(&context, &spec), *again = closs_key_program(&context, &spec);
  assert_string_equal(first, again);
  static const char start[] =
      "closs " CLOSS_VERSION "\nvariant l1 contiguous_f32 pass\nplatform P\ndevice D\noptions -cl-std=CL1.2 ";
  assert_int_equal(strncmp(first, start, strlen(start)), 0);
  assert_int_equal(closs_key_line(first, strlen(first), "source", &line), 64);
  assert_int_equal(closs_key_line(first, strlen(first), "device", &line), 1);
  assert_int_equal(*line, 'D');
  assert_int_equal(closs_key_line(first, strlen(first), "devic", &line), 0);
  free(again);
  /* The digest is of all files. */
  char text[CLOSS_SHA256_TEXT];
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_source source;
  closs_sha256 hash;
  closs_source_make(&spec, false, &source);
  closs_sha256_start(&hash);
  for (uint32_t i = 0; i < source.count; i++)
    closs_sha256_add(&hash, source.files[i]->sha256, CLOSS_SHA256_BYTES);
  closs_sha256_end(&hash, digest);
  closs_sha256_text(digest, text);
  closs_key_line(first, strlen(first), "source", &line);
  assert_memory_equal(line, text, 64);
  /* Whatever changes the program changes the key. */
  const closs_program_spec changed[] = {
      {CLOSS_CONTIGUOUS_F64, CLOSS_L1, CLOSS_BODY_PASS, CLOSS_ANY, 0, 0},
      {CLOSS_CONTIGUOUS_F32, CLOSS_MSE, CLOSS_BODY_PASS, CLOSS_ANY, 0, 0},
      {CLOSS_CONTIGUOUS_F32, CLOSS_L1, CLOSS_BODY_PASS | CLOSS_BODY_MERGE, CLOSS_ANY, 0, 0},
      {CLOSS_CONTIGUOUS_F32, CLOSS_L1, CLOSS_BODY_PASS, 0, 0, 0},
      {CLOSS_CONTIGUOUS_F32, CLOSS_L1, CLOSS_BODY_PASS, CLOSS_ANY, 64, 0},
      {CLOSS_CONTIGUOUS_F32, CLOSS_L1, CLOSS_BODY_PASS, CLOSS_ANY, 0, 1},
  };
  for (size_t i = 0; i < TEST_COUNT(changed); i++) {
    char *key = closs_key_program(&context, &changed[i]);
    assert_string_not_equal(first, key);
    free(key);
  }
  context.caps.fp64 = true;
  char *fp64 = closs_key_program(&context, &spec);
  assert_string_not_equal(first, fp64);
  context.caps.fp64 = false;
  context.identity = other;
  char *elsewhere = closs_key_program(&context, &spec), *class_key = closs_key_class(&context);
  assert_string_not_equal(first, elsewhere);
  assert_int_equal(closs_key_line(class_key, strlen(class_key), "variant", &line), 5);
  free(class_key);
  free(elsewhere);
  free(fp64);
  free(first);
}

/* The digests that the build puts beside the texts are the texts'. */
static void source_digests(void **state) {
  (void)state;
  for (const closs_source_file *file = closs_source_files; file->name != NULL; file++) {
    unsigned char digest[CLOSS_SHA256_BYTES];
    closs_sha256 hash;
    closs_sha256_start(&hash);
    closs_sha256_add(&hash, file->text, strlen(file->text));
    closs_sha256_end(&hash, digest);
    assert_memory_equal(digest, file->sha256, sizeof digest);
  }
}

/* ---- the folder ---- */

static void expect(const closs_disk *disk, const char *key, const char *bytes) {
  size_t size = 0;
  unsigned char *found = closs_disk_read(&context, disk, key, &size);
  if ((found != NULL) != (bytes != NULL)) fail_msg("%s: %s", key, found ? "is there" : "is missing");
  if (found) assert_int_equal(size, strlen(bytes));
  if (found) assert_memory_equal(found, bytes, size);
  free(found);
}

static void write_and_read(void **state) {
  (void)state;
  struct stat status;
  closs_disk *disk = opened(1000);
  assert_non_null(disk);
  assert_int_equal(stat(here.path, &status), 0);
  assert_int_equal(status.st_mode & 07777, 0700);
  expect(disk, "k", NULL);
  closs_disk_write(&context, disk, "k", (const unsigned char *)"first", 5);
  expect(disk, "k", "first");
  closs_disk_write(&context, disk, "k", (const unsigned char *)"second", 6);
  expect(disk, "k", "second");
  expect(disk, "K", NULL);
  closs_disk_close(&context, disk);
  disk = opened(1000); /* what is there already is used */
  expect(disk, "k", "second");
  closs_disk_close(&context, disk);
  assert_string_equal(here.log, "");
}

/* What was used longest ago goes first. */
static void limit(void **state) {
  (void)state;
  closs_disk *disk = opened(30);
  static const char *const names[] = {"a", "b", "c"};
  const struct timespec tick = {0, 20000000};
  for (int i = 0; i < 3; i++) {
    closs_disk_write(&context, disk, names[i], (const unsigned char *)"0123456789", 10);
    nanosleep(&tick, NULL);
  }
  expect(disk, "a", "0123456789"); /* a use: now b is the oldest */
  nanosleep(&tick, NULL);
  closs_disk_write(&context, disk, "d", (const unsigned char *)"0123456789", 10);
  expect(disk, "b", NULL);
  expect(disk, "a", "0123456789");
  expect(disk, "c", "0123456789");
  closs_disk_write(&context, disk, "e", (const unsigned char *)"0123456789abcdef0123456789abcdef", 32);
  expect(disk, "e", NULL); /* larger than the limit: nothing goes for it */
  expect(disk, "a", "0123456789");
  assert_non_null(strstr(here.log, "an entry of 32 bytes is larger than the limit"));
  closs_disk_close(&context, disk);
}

/* Gives the entry that was just written its time of use. */
static void used_at(const struct timespec at) {
  char path[400];
  struct stat status;
  const struct timespec times[2] = {at, at};
  DIR *list = opendir(here.path);
  assert_non_null(list);
  for (const struct dirent *one = readdir(list); one != NULL; one = readdir(list)) {
    (void)snprintf(path, sizeof path, "%s/%s", here.path, one->d_name);
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_mtime > 10000)
      assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
  }
  closedir(list);
}

/* Seconds count before their parts do. */
static void limit_over_days(void **state) {
  (void)state;
  closs_disk *disk = opened(30);
  static const char *const names[] = {"a", "b", "c"};
  static const struct timespec times[] = {{2000, 0}, {1000, 900000000}, {1500, 500000000}};
  for (int i = 0; i < 3; i++) {
    closs_disk_write(&context, disk, names[i], (const unsigned char *)"0123456789", 10);
    used_at(times[i]);
  }
  closs_disk_write(&context, disk, "d", (const unsigned char *)"0123456789", 10);
  used_at((struct timespec){3000, 0});
  closs_disk_write(&context, disk, "e", (const unsigned char *)"0123456789", 10);
  expect(disk, "b", NULL);
  expect(disk, "c", NULL);
  expect(disk, "a", "0123456789");
  expect(disk, "d", "0123456789");
  expect(disk, "e", "0123456789");
  closs_disk_close(&context, disk);
}

static void refused(const char *why) {
  here.log[0] = '\0';
  assert_null(opened(1000));
  if (strstr(here.log, why) == NULL) fail_msg("\"%s\" lacks \"%s\"", here.log, why);
}

static void not_private(void **state) {
  (void)state;
  char link_path[128], slashes[160];
  closs_disk_close(&context, opened(1000));
  assert_int_equal(chmod(here.path, 0720), 0);
  refused("is not used: others may write to it (mode 720, expected 700)");
  assert_int_equal(chmod(here.path, 0702), 0);
  refused("others may write to it");
  assert_int_equal(chmod(here.path, 0755), 0); /* to be read is no harm */
  closs_disk *disk = opened(1000);
  assert_non_null(disk);
  closs_disk_close(&context, disk);
  (void)snprintf(link_path, sizeof link_path, "%s/link", here.folder);
  assert_int_equal(symlink(here.path, link_path), 0);
  strcpy(here.path, link_path);
  refused("is not used: ");
  (void)snprintf(slashes, sizeof slashes, "%s//", link_path);
  strcpy(here.path, slashes);
  refused("is not used: ");
  (void)snprintf(here.path, sizeof here.path, "%s/file", here.folder);
  FILE *file = fopen(here.path, "w");
  assert_non_null(file);
  fclose(file);
  refused("Not a directory");
  here.path[0] = '\0';
  refused("a name of 1 to 4095 bytes");
  if (geteuid() == 0) {
    (void)snprintf(here.path, sizeof here.path, "%s/a/cache", here.folder);
    assert_int_equal(chown(here.path, 12345, 12345), 0);
    refused("it belongs to user 12345, not to 0");
  }
}

/* A link in the place of an entry is not followed, and what is no entry stays. */
static void strangers(void **state) {
  (void)state;
  char command[512];
  uint64_t bytes = 0;
  closs_disk *disk = opened(1000);
  closs_disk_write(&context, disk, "k", (const unsigned char *)"bytes", 5);
  (void)snprintf(command, sizeof command,
                 "cd %s && mv *.closs ../k && ln -s ../k $(printf %%s k | sha256sum | cut -c 1-64).closs && "
                 "echo mine > notes.txt && echo old > .new-1-2 && touch -d '2 hours ago' .new-1-2 && echo new > .new-3",
                 here.path);
  assert_int_equal(system(command), 0);
  expect(disk, "k", NULL);
  closs_disk_write(&context, disk, "l", (const unsigned char *)"bytes", 5); /* tidies up */
  assert_int_equal(closs_disk_list(here.path, NULL, NULL, &bytes, NULL), CLOSS_OK);
  assert_int_equal(bytes, 5);
  assert_int_equal(closs_disk_clear(here.path, NULL), CLOSS_OK);
  (void)snprintf(command, sizeof command,
                 "cd %s && [ \"$(ls -A | grep -v '^[0-9a-f]*.closs$' | tr '\\n' ' ')\" = '.new-3 notes.txt ' ]",
                 here.path);
  assert_int_equal(system(command), 0);
  expect(disk, "l", NULL);
  closs_disk_close(&context, disk);
}

static void count_entry(void *user, const closs_cache_entry *entry) {
  ++*(int *)user;
  assert_string_equal(entry->device, "P: D");
  assert_string_equal(entry->variant, "l1 contiguous_f32 pass");
  assert_in_range(time(NULL) - entry->used, 0, 60);
}

static void list_and_clear(void **state) {
  (void)state;
  int count = 0;
  uint64_t bytes = 1;
  closs_error error;
  char identity[] = "platform P\ndevice D\n";
  closs_program_spec spec = {
      .variant = CLOSS_CONTIGUOUS_F32, .loss = CLOSS_L1, .bodies = CLOSS_BODY_PASS, .flags = CLOSS_ANY};
  assert_int_equal(closs_cache_list(here.path, count_entry, &count, &bytes, &error), CLOSS_OK);
  assert_int_equal(bytes, 0);
  assert_int_equal(closs_cache_clear(here.path, &error), CLOSS_OK);
  context.identity = identity;
  context.disk = opened(10000);
  char *key = closs_key_program(&context, &spec);
  closs_store_put(&context, key, "abc", 3);
  closs_disk_write(&context, context.disk, "junk", (const unsigned char *)"junk", 4); /* counts, is not told */
  assert_int_equal(closs_cache_list(here.path, count_entry, &count, &bytes, &error), CLOSS_OK);
  assert_int_equal(count, 1);
  assert_int_equal(bytes, closs_entry_size(key, 3) + 4);
  assert_int_equal(closs_cache_clear(here.path, &error), CLOSS_OK);
  assert_int_equal(closs_cache_list(here.path, count_entry, &count, &bytes, &error), CLOSS_OK);
  assert_int_equal(bytes, 0);
  assert_int_equal(closs_cache_list(NULL, count_entry, &count, &bytes, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "directory: NULL, expected a folder's name");
  assert_int_equal(closs_cache_clear("/dev/null", &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "cache folder '/dev/null': Not a directory");
  closs_disk_close(&context, context.disk);
  free(key);
}

/* The caller's cache goes before the disk; what is damaged in one is looked for in the next. */
static struct {
  unsigned char bytes[4096];
  size_t size;
  int asked;
} callers;

static size_t callers_get(void *user, const char *key, void *data, size_t capacity) {
  (void)user;
  assert_int_equal(key[0], 'k');
  callers.asked++;
  if (callers.size > 0 && callers.size <= capacity) memcpy(data, callers.bytes, callers.size);
  return callers.size;
}

static void callers_set(void *user, const char *key, const void *data, size_t size) {
  (void)user;
  (void)key;
  assert_in_range(size, 1, sizeof callers.bytes);
  memcpy(callers.bytes, data, size);
  callers.size = size;
}

static void order_of_caches(void **state) {
  (void)state;
  closs_kept kept;
  memset(&callers, 0, sizeof callers);
  assert_false(closs_store_exists(&context));
  context.cache = (closs_cache){NULL, callers_get, callers_set};
  assert_true(closs_store_exists(&context));
  assert_false(closs_store_get(&context, "k", &kept));
  context.disk = opened(10000);
  closs_store_put(&context, "k", "payload", 7);
  assert_int_equal(callers.size, closs_entry_size("k", 7));
  for (int damaged = 0; damaged < 3; damaged++) {
    here.log[0] = '\0';
    assert_true(closs_store_get(&context, "k", &kept));
    assert_int_equal(kept.size, 7);
    assert_memory_equal(kept.payload, "payload", 7);
    free(kept.bytes);
    assert_int_equal(strstr(here.log, "the caller's cache: an entry of") != NULL, damaged > 0);
    callers.bytes[damaged == 0 ? callers.size - 1 : 0] ^= 1;
  }
  closs_disk_clear(here.path, NULL);
  assert_false(closs_store_get(&context, "k", &kept));
  closs_disk_close(&context, context.disk);
}

/* ---- the folder's name ---- */

static void expect_folder(const char *off, const char *own, const char *xdg, const char *home, const char *expected) {
  char path[64];
  const char *const names[] = {"CLOSS_CACHE", "CLOSS_CACHE_DIR", "XDG_CACHE_HOME", "HOME"};
  const char *const values[] = {off, own, xdg, home};
  for (int i = 0; i < 4; i++)
    if (values[i])
      (void)setenv(names[i], values[i], 1);
    else
      (void)unsetenv(names[i]);
  assert_int_equal(closs_cache_default_directory(path, sizeof path, NULL), CLOSS_OK);
  assert_string_equal(path, expected);
}

static void default_folder(void **state) {
  (void)state;
  char path[8];
  closs_error error;
  expect_folder(NULL, NULL, NULL, "/home/u", "/home/u/.cache/closs");
  expect_folder(NULL, NULL, "/x", "/home/u", "/x/closs");
  expect_folder(NULL, NULL, "", "/home/u", "/home/u/.cache/closs");
  expect_folder(NULL, NULL, "relative", "/home/u", "/home/u/.cache/closs");
  expect_folder(NULL, NULL, NULL, NULL, "");
  expect_folder(NULL, NULL, NULL, "relative", "");
  expect_folder(NULL, "here", "/x", "/home/u", "here");
  expect_folder("1", "", "/x", "/home/u", "/x/closs");
  expect_folder("0", "here", "/x", "/home/u", "");
  expect_folder(NULL, NULL, "/x/y", NULL, "/x/y/closs");
  assert_int_equal(closs_cache_default_directory(path, sizeof path, &error), CLOSS_INVALID_ARGUMENT);
  assert_string_equal(error.text, "path: the cache folder's name has 10 bytes, expected at most 7");
  assert_string_equal(path, "");
  assert_int_equal(closs_cache_default_directory(NULL, 5, &error), CLOSS_INVALID_ARGUMENT);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
  const struct CMUnitTest tests[] = {
      TEST(entries),         TEST(keys),        TEST(source_digests), TEST(write_and_read), TEST(limit),
      TEST(limit_over_days), TEST(not_private), TEST(strangers),      TEST(list_and_clear), TEST(order_of_caches),
      TEST(default_folder),
  };
  return cmocka_run_group_tests_name("cache", tests, NULL, NULL);
}
