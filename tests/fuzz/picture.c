/* Pictures: as they are, and with the checksums of their chunks made good, so that changes reach the reader. */
#include "picture.h"
#include "fuzz.h"

static uint32_t crc32(const uint8_t *bytes, size_t size) {
  uint32_t crc = UINT32_MAX;
  for (size_t i = 0; i < size; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

static uint32_t get_u32(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Length, name, data, checksum: as many chunks as lie within the bytes. */
static void sign(uint8_t *png, size_t size) {
  for (size_t at = 8; at < size && size - at >= 12;) {
    const uint32_t length = get_u32(png + at);
    if (length > size - at - 12) return;
    const uint32_t crc = crc32(png + at + 4, (size_t)length + 4);
    at += 8 + (size_t)length;
    for (int i = 0; i < 4; i++)
      png[at++] = (uint8_t)(crc >> (24 - 8 * i));
  }
}

static void read_picture(const uint8_t *png, size_t size) {
  struct failure failure = {0};
  closs_tensor tensor;
  void *pixels = NULL;
  if (!picture_read("file", png, size, &tensor, &pixels, &failure)) {
    FUZZ_CHECK(pixels == NULL && failure.status != 0 && strncmp(failure.text, "file: ", 6) == 0, "%s", failure.text);
    return;
  }
  FUZZ_CHECK(tensor.dtype == CLOSS_F32 && tensor.rank == 3 && tensor.shape[2] >= 1 && tensor.shape[2] <= 4,
             "%llu channels", (unsigned long long)tensor.shape[2]);
  const uint64_t count = closs_tensor_elements(&tensor);
  for (uint64_t i = 0; i < count; i++) {
    const float value = ((const float *)pixels)[i];
    FUZZ_CHECK(value >= 0 && value <= 1, "element %llu is %g", (unsigned long long)i, (double)value);
  }
  free(pixels);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  uint8_t *png = fuzz_copy(data, size, 0);
  if (picture_is(png, size)) {
    read_picture(png, size);
    sign(png, size);
    read_picture(png, size);
  }
  free(png);
  return 0;
}
