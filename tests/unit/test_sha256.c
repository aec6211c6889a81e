/* SHA-256: the examples of FIPS 180 and NIST's, and any split of a message. */
#include <string.h>

#include "base/sha256.h"
#include "support/harness.h"

static void digest_of(const char *message, size_t bytes, size_t step, char text[CLOSS_SHA256_TEXT]) {
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_sha256 hash;
  closs_sha256_start(&hash);
  for (size_t at = 0; at < bytes; at += step)
    closs_sha256_add(&hash, message + at, bytes - at < step ? bytes - at : step);
  closs_sha256_end(&hash, digest);
  closs_sha256_text(digest, text);
}

static void examples(void **state) {
  (void)state;
  static const struct {
    const char *message, *digest;
  } rows[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
      {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrst"
       "u",
       "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
  };
  char text[CLOSS_SHA256_TEXT];
  for (size_t i = 0; i < TEST_COUNT(rows); i++) {
    digest_of(rows[i].message, strlen(rows[i].message), 1000, text);
    assert_string_equal(text, rows[i].digest);
  }
}

static void a_million(void **state) {
  (void)state;
  char *message = test_allocate(1000000), text[CLOSS_SHA256_TEXT];
  static const size_t steps[] = {1, 3, 63, 64, 65, 127, 128, 1000, 1000000};
  memset(message, 'a', 1000000);
  for (size_t i = 0; i < TEST_COUNT(steps); i++) {
    digest_of(message, 1000000, steps[i], text);
    assert_string_equal(text, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
  free(message);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(examples), cmocka_unit_test(a_million)};
  return cmocka_run_group_tests_name("sha256", tests, NULL, NULL);
}
