#include "memory.h"

#include "closs/host.h"

enum { MOST_TERMS = 8300, MOST_BYTES = 1 << 17 };

bool fuzz_is_small(const closs_request *request, const fuzz_places *places) {
  bool small = request->terms <= MOST_TERMS;
  for (unsigned i = 0; i < FUZZ_BUFFERS; i++)
    small = small && places->size[i] <= MOST_BYTES;
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++)
    small = small && (!request->used[slot] || closs_tensor_elements(&request->tensors[slot]) <= MOST_TERMS);
  return small;
}

fuzz_memory fuzz_memory_make(const fuzz_places *places) {
  fuzz_memory memory;
  uint32_t state = 1;
  for (unsigned i = 0; i < FUZZ_ROOTS; i++) {
    memory.size[i] = (size_t)places->size[i];
    memory.bytes[i] = fuzz_allocate(memory.size[i]);
    for (size_t at = 0; at < memory.size[i]; at++) {
      state ^= state << 13; /* xorshift */
      state ^= state >> 17;
      state ^= state << 5;
      memory.bytes[i][at] = (unsigned char)(at % 4 == 3 ? 0x3f | (state & 0x80) : state); /* f32: 1/2 to 2 */
    }
  }
  return memory;
}

fuzz_memory fuzz_memory_copy(const fuzz_memory *memory) {
  fuzz_memory copy = *memory;
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    copy.bytes[i] = fuzz_copy(memory->bytes[i], memory->size[i], 0);
  return copy;
}

void fuzz_memory_free(fuzz_memory *memory) {
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    free(memory->bytes[i]);
}

/* Marks the bytes that the elements of a result take. */
static void mark(const closs_request *request, const fuzz_places *places, int slot, fuzz_memory *marks) {
  const closs_tensor *tensor = &request->tensors[slot];
  const uint64_t size = closs_dtype_size(tensor->dtype), count = closs_tensor_elements(tensor);
  const unsigned buffer = places->buffer[slot];
  for (uint64_t number = 0; number < count; number++) {
    uint64_t rest = number;
    int64_t at = (int64_t)places->offset[slot];
    for (uint32_t left = tensor->rank; left > 0; left--) {
      at += (int64_t)(rest % tensor->shape[left - 1]) * tensor->strides[left - 1];
      rest /= tensor->shape[left - 1];
    }
    unsigned char *element = marks->bytes[fuzz_root(buffer)] + places->begin[buffer] + (uint64_t)at * size;
    FUZZ_CHECK(*element == 0, "%s: element %llu lies where another result does", closs_slot_names[slot],
               (unsigned long long)number);
    memset(element, 1, (size_t)size);
  }
}

static void *array_of(const closs_request *request, const fuzz_places *places, int slot, const fuzz_memory *memory) {
  const unsigned buffer = places->buffer[slot];
  return memory->bytes[fuzz_root(buffer)] + places->begin[buffer] +
         places->offset[slot] * closs_dtype_size(request->tensors[slot].dtype);
}

/* Whether a slot's elements are read or written. */
static bool is_touched(const closs_request *request, int slot) {
  return request->used[slot] && closs_tensor_elements(&request->tensors[slot]) > 0 &&
         (request->terms > 0 || slot >= CLOSS_SLOT_LOSS);
}

void fuzz_reference(const fuzz_descriptor *descriptor, const closs_request *request, const fuzz_places *places,
                    fuzz_memory *memory) {
  char element[16] = {0}; /* of no terms, the reference may still read one upstream gradient */
  void *arrays[CLOSS_SLOT_COUNT];
  closs_error error = {CLOSS_OK, 0, ""};
  fuzz_memory before = fuzz_memory_copy(memory), marks = fuzz_memory_copy(memory);
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    memset(marks.bytes[i], 0, marks.size[i]);
  for (int slot = 0; slot < CLOSS_SLOT_COUNT; slot++) {
    const bool touched = is_touched(request, slot);
    arrays[slot] = touched ? array_of(request, places, slot, memory) : element;
    if (touched && slot >= CLOSS_SLOT_LOSS) mark(request, places, slot, &marks);
  }
  const closs_arrays given = {sizeof given,
                              arrays[CLOSS_SLOT_INPUT],
                              arrays[CLOSS_SLOT_TARGET],
                              arrays[CLOSS_SLOT_WEIGHT],
                              arrays[CLOSS_SLOT_UPSTREAM],
                              descriptor->upstream_value,
                              arrays[CLOSS_SLOT_LOSS],
                              arrays[CLOSS_SLOT_INPUT_GRADIENT],
                              arrays[CLOSS_SLOT_TARGET_GRADIENT]};
  FUZZ_CHECK(closs_reference(&descriptor->options, &given, &error) == CLOSS_OK, "%s", error.text);
  for (unsigned i = 0; i < FUZZ_ROOTS; i++)
    for (size_t at = 0; at < memory->size[i]; at++)
      FUZZ_CHECK(marks.bytes[i][at] != 0 || memory->bytes[i][at] == before.bytes[i][at],
                 "byte %zu of buffer %u was written", at, i);
  fuzz_memory_free(&before);
  fuzz_memory_free(&marks);
}
