/* .npy headers: all that NumPy writes, and nothing that is damaged. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "npy.h"

/* A file in memory of exactly its size, so that a sanitizer sees a read beyond it. */
struct file {
  unsigned char *bytes;
  size_t size;
};

static struct file make(unsigned major, const char *dictionary, size_t data) {
  size_t start = major == 1 ? 10 : 12, length = strlen(dictionary);
  struct file file = {malloc(start + length + data), start + length + data};
  const unsigned char head[12] = {
      0x93, 'N', 'U', 'M', 'P', 'Y', (unsigned char)major, 0, (unsigned char)length, (unsigned char)(length >> 8)};
  assert_non_null(file.bytes);
  memcpy(file.bytes, head, start);
  memcpy(file.bytes + start, dictionary, length);
  memset(file.bytes + start + length, 0, data);
  return file;
}

static bool parse(const struct file *file, struct npy_header *header, struct failure *failure) {
  *failure = (struct failure){0, ""};
  return npy_parse("x", file->bytes, file->size, header, failure);
}

static struct npy_header assert_taken(unsigned major, const char *dictionary, size_t data) {
  struct npy_header header;
  struct failure failure;
  struct file file = make(major, dictionary, data);
  if (!parse(&file, &header, &failure)) fail_msg("%s: %s", dictionary, failure.text);
  assert_int_equal(header.data_offset, file.size - data);
  free(file.bytes);
  return header;
}

static void assert_refused(const char *dictionary, size_t data, const char *why) {
  struct npy_header header;
  struct failure failure;
  struct file file = make(1, dictionary, data);
  if (parse(&file, &header, &failure)) fail_msg("%s is taken", dictionary);
  assert_failure(&failure, STATUS_USAGE, why);
  free(file.bytes);
}

#define F4 "{'descr': '<f4', 'fortran_order': False, "

static void types(void **state) {
  (void)state;
  static const struct {
    const char *descr;
    closs_dtype dtype;
  } types[] = {{"|b1", CLOSS_BOOL}, {"|i1", CLOSS_I8},  {"|u1", CLOSS_U8},  {"<i2", CLOSS_I16},  {"<u2", CLOSS_U16},
               {"<i4", CLOSS_I32},  {"<u4", CLOSS_U32}, {"<i8", CLOSS_I64}, {"<u8", CLOSS_U64},  {"<f2", CLOSS_F16},
               {"<f4", CLOSS_F32},  {"<f8", CLOSS_F64}, {"<c8", CLOSS_C64}, {"<c16", CLOSS_C128}};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    char dictionary[128];
    size_t size = closs_dtype_size(types[i].dtype);
    const uint16_t one = 1;
    bool little = *(const unsigned char *)&one == 1;
    for (int order = 0; order < 2; order++) {
      snprintf(dictionary, sizeof dictionary, "{'descr': '%c%s', 'fortran_order': False, 'shape': (3,), }",
               size == 1 ? '|' : "<>"[order], types[i].descr + 1);
      struct npy_header header = assert_taken(1, dictionary, 3 * size);
      assert_int_equal(header.tensor.dtype, types[i].dtype);
      assert_int_equal(header.swapped, size > 1 && (order == 0) != little);
    }
  }
  assert_false(assert_taken(1, "{'descr': '=f4', 'fortran_order': False, 'shape': ()}", 4).swapped);
  assert_false(assert_taken(1, "{'descr': 'f4', 'fortran_order': False, 'shape': ()}", 4).swapped);
}

static void shapes(void **state) {
  (void)state;
  struct npy_header header = assert_taken(1, F4 "'shape': (), }", 4);
  assert_int_equal(header.tensor.rank, 0);
  header = assert_taken(1, F4 "'shape': (2, 3, 4), }          \n", 96);
  assert_int_equal(header.tensor.rank, 3);
  assert_int_equal(header.tensor.shape[2], 4);
  assert_int_equal(header.tensor.strides[0], 12);
  assert_int_equal(header.tensor.strides[1], 4);
  assert_int_equal(header.tensor.strides[2], 1);
  header = assert_taken(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3, 4), }\n", 96);
  assert_int_equal(header.tensor.strides[0], 1);
  assert_int_equal(header.tensor.strides[1], 2);
  assert_int_equal(header.tensor.strides[2], 6);
  header = assert_taken(1, F4 "'shape': (0, 5), }", 0);
  assert_int_equal(header.data_bytes, 0);
  /* NumPy takes no such file, but it is one: nothing is there to be read. */
  header = assert_taken(1, "{'descr': '<f4', 'fortran_order': True, 'shape': (4611686018427387904, 8, 0), }", 0);
  assert_int_equal(header.data_bytes, 0);
  assert_int_equal(assert_taken(1, F4 "'shape': (1, 1, 1, 1, 1, 1, 1, 1)}", 4).tensor.rank, 8);
}

static void spellings(void **state) {
  (void)state;
  assert_taken(1, "{'shape': (2,), 'fortran_order': False, 'descr': '<f4'}", 8);
  assert_taken(1, " {\"descr\" :\t\"<f4\" ,'fortran_order':True,'shape':( 2 , 1 , ) } \n", 8);
  assert_int_equal(assert_taken(1, F4 "'shape': (2L, 3L), }", 24).tensor.shape[1], 3); /* Python 2 */
  assert_taken(2, F4 "'shape': (2,), }\n", 8);
  assert_taken(3, F4 "'shape': (2,), }\n", 8);
  assert_taken(1, F4 "'shape': (2,), }\n", 100); /* more bytes behind: a second array */
}

static void refused(void **state) {
  (void)state;
  assert_refused("{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", 16, "Python objects ('|O')");
  assert_refused("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", 8, "structured");
  static const char *const descr[] = {"<U4", "|S3", "<M8[s]", "|V2", "<f16", "<c32", "<i3",
                                      "<f",  "",    "<",      "|f4", "<b4",  "f4x"};
  for (size_t i = 0; i < sizeof descr / sizeof descr[0]; i++) {
    char dictionary[128];
    snprintf(dictionary, sizeof dictionary, "{'descr': '%s', 'fortran_order': False, 'shape': (1,), }", descr[i]);
    assert_refused(dictionary, 64, "elements of type '");
  }
  assert_refused(F4 "'shape': (1, 1, 1, 1, 1, 1, 1, 1, 1), }", 4, "9 dimensions; expected at most 8");
  assert_refused(F4 "'shape': (2, 3), }", 23, "truncated: 23 bytes of elements");
  assert_refused(F4 "'shape': (9223372036854775807, 9223372036854775807), }", 8, "truncated");
  assert_refused(F4 "'shape': (4611686018427387904,), }", 8, "truncated");
  static const char *const damaged[] = {"",
                                        "{",
                                        "}",
                                        "{}",
                                        "x",
                                        "\n",
                                        F4 "'shape': (2,), ",
                                        F4 "'shape': (2), }",
                                        F4 "'shape': (2,, 3), }",
                                        F4 "'shape': (,), }",
                                        F4 "'shape': (-1,), }",
                                        F4 "'shape': (2 3), }",
                                        F4 "'shape': [2], }",
                                        F4 "'shape': (2.0,), }",
                                        F4 "'shape': (18446744073709551616,), }",
                                        F4 "'shape': (9223372036854775808,), }",
                                        F4 "}",
                                        F4 "'shape': (2,), } x",
                                        F4 "'shape': (2,), 'shape': (2,), }",
                                        F4 "'shape': (2,), 'more': 1, }",
                                        "{'descr': '<f4', 'shape': (2,), }",
                                        "{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }",
                                        "{'descr': <f4, 'fortran_order': False, 'shape': (2,), }",
                                        "{'descr': '<f4' 'fortran_order': False, 'shape': (2,), }",
                                        "{'descr' '<f4', 'fortran_order': False, 'shape': (2,), }",

                                        "{'a key that is longer than any key of this format': 1}"};
  for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++)
    assert_refused(damaged[i], 8, "damaged .npy header");
}

static void versions(void **state) {
  (void)state;
  struct npy_header header;
  struct failure failure;
  struct file file = make(1, F4 "'shape': (2,), }", 8);
  file.bytes[6] = 4;
  assert_false(parse(&file, &header, &failure));
  assert_failure(&failure, STATUS_USAGE, ".npy version 4.0");
  file.bytes[6] = 1;
  file.bytes[7] = 1;
  assert_false(parse(&file, &header, &failure));
  assert_failure(&failure, STATUS_USAGE, ".npy version 1.1");
  file.bytes[0] = 0x92;
  assert_false(parse(&file, &header, &failure));
  assert_failure(&failure, STATUS_USAGE, "no .npy file");
  free(file.bytes);
}

/* Every beginning of a file is refused, and no byte beyond it is read. */
static void truncations(void **state) {
  (void)state;
  for (unsigned major = 1; major <= 3; major++) {
    struct file whole = make(major, F4 "'shape': (2, 3), }    \n", 24);
    for (size_t size = 0; size < whole.size; size++) {
      struct npy_header header;
      struct failure failure;
      struct file part = {malloc(size + 1), size};
      unsigned char *end = part.bytes + 1;
      memcpy(end, whole.bytes, size);
      part.bytes = end; /* the part ends where its memory ends */
      assert_false(parse(&part, &header, &failure));
      assert_int_equal(failure.status, STATUS_USAGE);
      free(end - 1);
    }
    free(whole.bytes);
  }
}

/* Random changes of a good file: any answer will do, as long as it is one, and the elements lie within the file. */
static void hostile(void **state) {
  (void)state;
  static const char pieces[] = "{}()[]':,<>|=0123456789LTrueFalsdcptnoOfiub \n\\\"-+.x";
  uint64_t seed = 42;
  int taken = 0;
  for (int round = 0; round < 100000; round++) {
    struct file file = make(1 + (unsigned)round % 3, F4 "'shape': (2, 3), }    \n", 24);
    struct npy_header header;
    struct failure failure;
    for (int change = 0; change <= round % 4; change++) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      size_t at = 6 + (size_t)(seed >> 33) % (file.size - 6);
      file.bytes[at] =
          seed >> 63 ? (unsigned char)(seed >> 24) : (unsigned char)pieces[(seed >> 24) % (sizeof pieces - 1)];
    }
    if (parse(&file, &header, &failure)) {
      taken++;
      assert_true(header.data_offset <= file.size && header.data_bytes <= file.size - header.data_offset);
      assert_true(header.tensor.rank <= CLOSS_MAX_RANK);
      assert_int_equal(closs_tensor_elements(&header.tensor) * closs_dtype_size(header.tensor.dtype),
                       header.data_bytes);
    } else {
      assert_int_equal(failure.status, STATUS_USAGE);
      assert_true(failure.text[0] != 0);
    }
    free(file.bytes);
  }
  assert_true(taken > 1000 && taken < 99000);
}

static void swaps(void **state) {
  (void)state;
  unsigned char bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  static const unsigned char by_two[4] = {1, 0, 3, 2}, by_four[8] = {3, 2, 1, 0, 7, 6, 5, 4};
  npy_swap(CLOSS_U8, bytes, 4);
  assert_int_equal(bytes[0], 0);
  npy_swap(CLOSS_F16, bytes, 2);
  assert_memory_equal(bytes, by_two, 4);
  npy_swap(CLOSS_F16, bytes, 2);
  npy_swap(CLOSS_C64, bytes, 1);
  assert_memory_equal(bytes, by_four, 8);
  npy_swap(CLOSS_F32, bytes, 2);
  npy_swap(CLOSS_C128, bytes, 1);
  assert_int_equal(bytes[0], 7);
  assert_int_equal(bytes[8], 15);
}

/* The headers that NumPy 1.24 writes: of the host's byte order. */
static void writes(void **state) {
  (void)state;
  const bool little = *(const char *)&(const uint16_t){1} == 1;
  char header[NPY_HEADER_MAX];
  const uint64_t shape[8] = {256, 256, 3, 1, 1, 1, 1, 1};
  closs_tensor tensor = closs_tensor_contiguous(CLOSS_F32, 3, shape);
  assert_int_equal(npy_write_header(header, &tensor), 128);
  char expected[] = "\x93NUMPY\x01\0\x76\0{'descr': '<f4', 'fortran_order': False, 'shape': (256, 256, 3), }";
  if (!little) *strchr(expected + 10, '<') = '>';
  assert_memory_equal(header, expected, sizeof expected - 1);
  for (size_t i = sizeof expected - 1; i < 127; i++)
    assert_int_equal(header[i], ' ');
  assert_int_equal(header[127], '\n');
  tensor = closs_tensor_contiguous(CLOSS_F64, 1, shape);
  npy_write_header(header, &tensor);
  assert_non_null(strstr(header + 10, "f8', 'fortran_order': False, 'shape': (256,), }"));
  tensor = closs_tensor_contiguous(CLOSS_F16, 0, NULL);
  npy_write_header(header, &tensor);
  assert_non_null(strstr(header + 10, "f2', 'fortran_order': False, 'shape': (), }"));
}

/* What is written reads back, for every type and rank, the largest shape too. */
static void round_trip(void **state) {
  (void)state;
  uint64_t shape[8] = {1, 1, 1, 1, 1, 1, 1, 1};
  for (int dtype = 1; dtype < CLOSS_DTYPE_END; dtype++) {
    for (uint32_t rank = 0; rank <= 8; rank++) {
      if (dtype == CLOSS_BF16) continue;
      unsigned char file[NPY_HEADER_MAX + 16] = {0};
      struct npy_header header;
      struct failure failure = {0, ""};
      closs_tensor tensor = closs_tensor_contiguous((closs_dtype)dtype, rank, shape);
      size_t size = npy_write_header((char *)file, &tensor);
      assert_int_equal(size % 64, 0);
      assert_true(npy_parse("x", file, size + closs_dtype_size(tensor.dtype), &header, &failure));
      assert_int_equal(header.tensor.dtype, dtype);
      assert_int_equal(header.tensor.rank, rank);
      assert_false(header.swapped);
    }
  }
  for (int i = 0; i < 8; i++)
    shape[i] = INT64_MAX;
  char header[NPY_HEADER_MAX];
  closs_tensor tensor = closs_tensor_contiguous(CLOSS_C128, 8, shape);
  assert_true(npy_write_header(header, &tensor) <= sizeof header);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(types),    cmocka_unit_test(shapes),      cmocka_unit_test(spellings), cmocka_unit_test(refused),
      cmocka_unit_test(versions), cmocka_unit_test(truncations), cmocka_unit_test(hostile),   cmocka_unit_test(swaps),
      cmocka_unit_test(writes),   cmocka_unit_test(round_trip),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
