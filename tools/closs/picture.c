#include "picture.h"

#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

/* libpng's state, a file in memory, and where libpng leaves off when it meets an error. */
struct codec {
  const char *what;
  struct failure *failure;
  jmp_buf jump;
  png_structp png;
  png_infop info;
  const unsigned char *in; /* reading: what is left */
  size_t left;
  unsigned char *out; /* writing: what there is */
  size_t used, capacity;
  unsigned char *pixels; /* reading: as libpng gives them */
  png_bytep *rows;
};

static void on_error(png_structp png, png_const_charp text) {
  struct codec *codec = png_get_error_ptr(png);
  failure_set(codec->failure, STATUS_USAGE, "%s: damaged .png file: %s", codec->what, text);
  longjmp(codec->jump, 1);
}

static void on_warning(png_structp png, png_const_charp text) {
  (void)png;
  (void)text;
}

static void on_memory(struct codec *codec) {
  failure_set(codec->failure, STATUS_FAILED, "%s: out of memory", codec->what);
  longjmp(codec->jump, 1);
}

static void take_bytes(png_structp png, png_bytep bytes, size_t size) {
  struct codec *codec = png_get_io_ptr(png);
  if (size > codec->left) png_error(png, "truncated");
  memcpy(bytes, codec->in, size);
  codec->in += size;
  codec->left -= size;
}

static void give_bytes(png_structp png, png_bytep bytes, size_t size) {
  struct codec *codec = png_get_io_ptr(png);
  if (codec->used + size > codec->capacity) {
    size_t capacity = codec->capacity * 2 + size + 4096;
    unsigned char *out = realloc(codec->out, capacity);
    if (out == NULL) on_memory(codec);
    codec->out = out;
    codec->capacity = capacity;
  }
  memcpy(codec->out + codec->used, bytes, size);
  codec->used += size;
}

static void give_nothing(png_structp png) {
  (void)png;
}

bool picture_is(const void *bytes, size_t size) {
  return size >= 8 && png_sig_cmp(bytes, 0, 8) == 0;
}

/* A byte of a deflated stream gives 1032 at most: a small file gets no memory for a picture that it cannot hold. */
static void check_size(struct codec *codec) {
  const uint64_t most = (uint64_t)codec->left * 1032 / png_get_image_height(codec->png, codec->info);
  if (png_get_rowbytes(codec->png, codec->info) > most) png_error(codec->png, "truncated");
}

/* Reads the file into pixels of 8 or 16 bits in the host's order. Leaves by longjmp() on failure. */
static void decode(struct codec *codec, uint64_t shape[3], unsigned *depth) {
  png_set_read_fn(codec->png, codec, take_bytes);
  png_read_info(codec->png, codec->info);
  check_size(codec);
  png_set_expand(codec->png); /* palettes, few bits, transparent colours as alpha */
  if (png_get_bit_depth(codec->png, codec->info) == 16) {
    const uint16_t one = 1;
    if (*(const unsigned char *)&one == 1) png_set_swap(codec->png);
  }
  png_set_interlace_handling(codec->png);
  png_read_update_info(codec->png, codec->info);
  size_t height = png_get_image_height(codec->png, codec->info);
  size_t row = png_get_rowbytes(codec->png, codec->info);
  shape[0] = height;
  shape[1] = png_get_image_width(codec->png, codec->info);
  shape[2] = png_get_channels(codec->png, codec->info);
  *depth = png_get_bit_depth(codec->png, codec->info);
  if (row > SIZE_MAX / sizeof(float) / height) on_memory(codec);
  codec->pixels = malloc(row * height);
  codec->rows = malloc(height * sizeof *codec->rows);
  if (codec->pixels == NULL || codec->rows == NULL) on_memory(codec);
  for (size_t i = 0; i < height; i++)
    codec->rows[i] = codec->pixels + i * row;
  png_read_image(codec->png, codec->rows);
  png_read_end(codec->png, NULL);
}

static float *to_floats(const unsigned char *pixels, size_t count, unsigned depth) {
  float *values = malloc(count * sizeof *values);
  if (values == NULL) return NULL;
  for (size_t i = 0; i < count; i++) {
    uint16_t wide;
    if (depth == 16) {
      memcpy(&wide, pixels + 2 * i, sizeof wide);
      values[i] = (float)wide / 65535.0f;
    } else {
      values[i] = (float)pixels[i] / 255.0f;
    }
  }
  return values;
}

bool picture_read(const char *what, const void *bytes, size_t size, closs_tensor *tensor, void **data,
                  struct failure *failure) {
  struct codec codec = {.what = what, .failure = failure, .in = bytes, .left = size};
  uint64_t shape[3] = {0, 0, 0};
  unsigned depth = 0;
  *data = NULL;
  if (setjmp(codec.jump) == 0) {
    codec.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    codec.info = codec.png == NULL ? NULL : png_create_info_struct(codec.png);
    if (codec.info == NULL) on_memory(&codec);
    decode(&codec, shape, &depth);
    *data = to_floats(codec.pixels, (size_t)(shape[0] * shape[1] * shape[2]), depth);
    if (*data == NULL) on_memory(&codec);
    *tensor = closs_tensor_contiguous(CLOSS_F32, 3, shape);
  }
  png_destroy_read_struct(&codec.png, &codec.info, NULL);
  free(codec.pixels);
  free(codec.rows);
  return *data != NULL;
}

static void encode(struct codec *codec, const unsigned char *grey, size_t width, size_t height) {
  png_set_write_fn(codec->png, codec, give_bytes, give_nothing);
  png_set_IHDR(codec->png, codec->info, (png_uint_32)width, (png_uint_32)height, 8, PNG_COLOR_TYPE_GRAY,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(codec->png, codec->info);
  for (size_t i = 0; i < height; i++)
    png_write_row(codec->png, grey + i * width);
  png_write_end(codec->png, NULL);
}

bool picture_write(const char *what, const unsigned char *grey, size_t width, size_t height, void **png, size_t *size,
                   struct failure *failure) {
  struct codec codec = {.what = what, .failure = failure};
  if (setjmp(codec.jump) == 0) {
    codec.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &codec, on_error, on_warning);
    codec.info = codec.png == NULL ? NULL : png_create_info_struct(codec.png);
    if (codec.info == NULL) on_memory(&codec);
    encode(&codec, grey, width, height);
  }
  png_destroy_write_struct(&codec.png, &codec.info);
  if (failure->status != 0) {
    free(codec.out);
    codec.out = NULL;
  }
  *png = codec.out;
  *size = codec.used;
  return codec.out != NULL;
}
