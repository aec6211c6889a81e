/* The reader and the writer of .npy headers: what is accepted lies within the file. */
#include "npy.h"
#include "fuzz.h"

/* The elements that the strides reach are those of the file, from the first to the last. */
static void check_reach(const struct npy_header *header, size_t size) {
  const closs_tensor *tensor = &header->tensor;
  const uint64_t elements = closs_tensor_elements(tensor), item = closs_dtype_size(tensor->dtype);
  FUZZ_CHECK(tensor->rank <= CLOSS_MAX_RANK && item > 0, "rank %u", (unsigned)tensor->rank);
  FUZZ_CHECK(header->data_offset <= size && header->data_bytes <= size - header->data_offset, "%zu + %zu of %zu bytes",
             header->data_offset, header->data_bytes, size);
  FUZZ_CHECK(elements <= size && elements * item == header->data_bytes, "%llu elements, %zu bytes",
             (unsigned long long)elements, header->data_bytes);
  uint64_t last = 0;
  for (uint32_t i = 0; i < tensor->rank && elements > 0; i++)
    last += (tensor->shape[i] - 1) * (uint64_t)tensor->strides[i];
  FUZZ_CHECK(elements == 0 || last == elements - 1, "element %llu of %llu", (unsigned long long)last,
             (unsigned long long)elements);
}

/* A written header reads back as the same array. */
static void check_written(const struct npy_header *header) {
  char bytes[NPY_HEADER_MAX];
  struct failure failure = {0};
  struct npy_header again;
  closs_tensor tensor = closs_tensor_contiguous(header->tensor.dtype, header->tensor.rank, header->tensor.shape);
  const size_t used = npy_write_header(bytes, &tensor);
  FUZZ_CHECK(used <= sizeof bytes && used % 64 == 0, "a header of %zu bytes", used);
  char *file = fuzz_copy(bytes, used, header->data_bytes);
  FUZZ_CHECK(npy_parse("written", file, used + header->data_bytes, &again, &failure), "%s", failure.text);
  FUZZ_CHECK(again.data_offset == used && again.data_bytes == header->data_bytes && !again.swapped &&
                 memcmp(&again.tensor, &tensor, sizeof tensor) == 0,
             "the header reads back as another");
  free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char *file = fuzz_copy(data, size, 0);
  struct failure failure = {0};
  struct npy_header header;
  if (npy_parse("file", file, size, &header, &failure)) {
    FUZZ_CHECK(failure.status == 0, "%s", failure.text);
    check_reach(&header, size);
    npy_swap(header.tensor.dtype, file + header.data_offset, header.data_bytes / closs_dtype_size(header.tensor.dtype));
    check_written(&header);
  } else {
    FUZZ_CHECK(failure.status == STATUS_USAGE && strncmp(failure.text, "file: ", 6) == 0, "%s", failure.text);
  }
  free(file);
  return 0;
}
