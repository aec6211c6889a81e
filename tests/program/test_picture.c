/* .png files: every kind that libpng writes, and damaged ones. */
#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program.h"

#include "picture.h"

struct file {
  unsigned char bytes[4096];
  size_t size;
};

static void take_bytes(png_structp png, png_bytep bytes, size_t size) {
  struct file *file = png_get_io_ptr(png);
  assert_true(file->size + size <= sizeof file->bytes);
  memcpy(file->bytes + file->size, bytes, size);
  file->size += size;
}

static void no_flush(png_structp png) {
  (void)png;
}

/* A picture of 2 x 2 pixels; rows as the file has them. */
static struct file make(int depth, int color, int interlace, const unsigned char *rows, size_t row, bool transparent) {
  static const png_color palette[4] = {{10, 20, 30}, {40, 50, 60}, {70, 80, 90}, {255, 0, 128}};
  static const png_byte alpha[2] = {0, 102};
  png_color_16 key = {0, 1, 2, 3, 7};
  struct file file = {{0}, 0};
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(png, &file, take_bytes, no_flush);
  png_set_IHDR(png, info, 2, 2, depth, color, interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_set_gAMA(png, info, 1.0); /* is to be left alone */
  if (color == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 4);
  if (transparent) png_set_tRNS(png, info, alpha, color == PNG_COLOR_TYPE_PALETTE ? 2 : 0, &key);
  png_write_info(png, info);
  png_bytep lines[2] = {(png_bytep)(uintptr_t)rows, (png_bytep)(uintptr_t)(rows + row)};
  png_write_image(png, lines);
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

static void assert_read(const struct file *file, size_t channels, const float *expected) {
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data;
  assert_true(picture_is(file->bytes, file->size));
  if (!picture_read("x", file->bytes, file->size, &tensor, &data, &failure)) fail_msg("%s", failure.text);
  assert_int_equal(tensor.dtype, CLOSS_F32);
  assert_int_equal(tensor.rank, 3);
  assert_int_equal(tensor.shape[0], 2);
  assert_int_equal(tensor.shape[1], 2);
  assert_int_equal(tensor.shape[2], channels);
  assert_memory_equal(data, expected, 4 * channels * sizeof *expected);
  free(data);
}

#define V(value) ((float)(value) / 255.0f)
#define W(value) ((float)(value) / 65535.0f)

static void grey(void **state) {
  (void)state;
  static const unsigned char eight[4] = {0, 1, 128, 255}, one[2] = {0x40, 0x80}, two[2] = {0x10, 0xb0};
  static const unsigned char sixteen[8] = {0, 0, 0, 1, 0x80, 0, 0xff, 0xff};
  for (int interlace = 0; interlace < 2; interlace++) {
    struct file file = make(8, PNG_COLOR_TYPE_GRAY, interlace, eight, 2, false);
    assert_read(&file, 1, (const float[]){V(0), V(1), V(128), V(255)});
    file = make(16, PNG_COLOR_TYPE_GRAY, interlace, sixteen, 4, false);
    assert_read(&file, 1, (const float[]){W(0), W(1), W(0x8000), W(0xffff)});
  }
  struct file file = make(1, PNG_COLOR_TYPE_GRAY, 0, one, 1, false);
  assert_read(&file, 1, (const float[]){0, 1, 1, 0});
  file = make(2, PNG_COLOR_TYPE_GRAY, 0, two, 1, false);
  assert_read(&file, 1, (const float[]){V(0), V(85), V(170), V(255)});
}

static void colors(void **state) {
  (void)state;
  static const unsigned char rgb[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  static const unsigned char rgba[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 255};
  static const unsigned char grey_alpha[8] = {0, 1, 2, 3, 4, 5, 6, 7};
  float values[16];
  for (int i = 0; i < 16; i++)
    values[i] = V(rgba[i]);
  struct file file = make(8, PNG_COLOR_TYPE_RGB, 0, rgb, 6, false);
  assert_read(&file, 3, values);
  file = make(8, PNG_COLOR_TYPE_RGBA, 0, rgba, 8, false);
  assert_read(&file, 4, values);
  file = make(8, PNG_COLOR_TYPE_GRAY_ALPHA, 1, grey_alpha, 4, false);
  assert_read(&file, 2, values);
}

static void palettes(void **state) {
  (void)state;
  static const unsigned char indices[4] = {0, 1, 2, 3};
  struct file file = make(8, PNG_COLOR_TYPE_PALETTE, 0, indices, 2, false);
  assert_read(&file, 3,
              (const float[]){V(10), V(20), V(30), V(40), V(50), V(60), V(70), V(80), V(90), V(255), V(0), V(128)});
  file = make(8, PNG_COLOR_TYPE_PALETTE, 0, indices, 2, true);
  assert_read(&file, 4,
              (const float[]){V(10), V(20), V(30), V(0), V(40), V(50), V(60), V(102), V(70), V(80), V(90), V(255),
                              V(255), V(0), V(128), V(255)});
}

static void damaged(void **state) {
  (void)state;
  static const unsigned char rows[4] = {0, 1, 128, 255};
  struct file whole = make(8, PNG_COLOR_TYPE_GRAY, 0, rows, 2, false);
  for (size_t i = 8; i < whole.size; i++) {
    struct failure failure = {0, ""};
    closs_tensor tensor;
    void *data;
    unsigned char *part = malloc(i);
    memcpy(part, whole.bytes, i);
    assert_false(picture_read("x", part, i, &tensor, &data, &failure));
    assert_failure(&failure, STATUS_USAGE, "x: damaged .png file: ");
    free(part);
  }
  for (size_t i = 8; i < whole.size; i++) { /* any answer will do */
    struct failure failure = {0, ""};
    closs_tensor tensor;
    void *data;
    struct file file = whole;
    file.bytes[i] ^= 0x55;
    if (picture_read("x", file.bytes, file.size, &tensor, &data, &failure)) free(data);
  }
  assert_false(picture_is("\x89PNG\r\n\x1a", 7));
  assert_false(picture_is("\x89PNG\r\n\x1a\r", 8));
}

/* A small file is refused before memory is taken for the picture that it claims to be; what deflates best is read. */
static void sizes(void **state) {
  (void)state;
  enum { SIDE = 2000 };
  static const unsigned char rows[4] = {0}, grey[SIDE * SIDE] = {0};
  struct file file = make(8, PNG_COLOR_TYPE_GRAY, 0, rows, 2, false);
  struct failure failure = {0, ""};
  closs_tensor tensor;
  void *data, *png;
  size_t size;
  memcpy(file.bytes + 16, "\0\x0f\x42\x40\0\x0f\x42\x40", 8); /* a million by a million, */
  memcpy(file.bytes + 29, "\x79\x06\x67\xa1", 4);             /* and the checksum of that */
  assert_false(picture_read("x", file.bytes, file.size, &tensor, &data, &failure));
  assert_failure(&failure, STATUS_USAGE, "x: damaged .png file: truncated");
  failure = (struct failure){0, ""};
  assert_true(picture_write("x", grey, SIDE, SIDE, &png, &size, &failure));
  assert_true(size < SIDE * SIDE / 900);
  assert_true(picture_read("x", png, size, &tensor, &data, &failure));
  assert_int_equal(closs_tensor_elements(&tensor), SIDE * SIDE);
  free(data);
  free(png);
}

static void writes(void **state) {
  (void)state;
  static const unsigned char rows[4] = {0, 1, 128, 255};
  struct failure failure = {0, ""};
  struct file file = {{0}, 0};
  void *png;
  assert_true(picture_write("x", rows, 2, 2, &png, &file.size, &failure));
  assert_true(file.size <= sizeof file.bytes);
  memcpy(file.bytes, png, file.size);
  free(png);
  assert_int_equal(file.bytes[24], 8); /* depth and colour type in IHDR */
  assert_int_equal(file.bytes[25], PNG_COLOR_TYPE_GRAY);
  assert_read(&file, 1, (const float[]){V(0), V(1), V(128), V(255)});
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(grey),    cmocka_unit_test(colors), cmocka_unit_test(palettes),
                                     cmocka_unit_test(damaged), cmocka_unit_test(sizes),  cmocka_unit_test(writes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
