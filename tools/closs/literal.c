#include "literal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "number.h"

struct reader {
  const char *what;
  const char *text;
  const char *at;
  closs_dtype dtype;
  uint32_t rank;                  /* deepest list so far */
  bool rank_known;                /* a number or an empty list has been seen: lists can't become deeper */
  uint64_t shape[CLOSS_MAX_RANK]; /* by the first list of each depth */
  bool shape_known[CLOSS_MAX_RANK];
  char *data;
  size_t used, capacity; /* bytes */
  struct failure *failure;
};

bool literal_is(const char *text) {
  double value;
  return text[0] == '[' || number_parse(text, &value);
}

static bool refuse(struct reader *reader, const char *why) {
  return failure_set(reader->failure, STATUS_USAGE, "%s: %s at character %td of '%.80s'", reader->what, why,
                     reader->at - reader->text + 1, reader->text);
}

static void skip_space(struct reader *reader) {
  reader->at += strspn(reader->at, " \t\r\n");
}

static bool read_number(struct reader *reader) {
  size_t size = closs_dtype_size(reader->dtype);
  if (reader->used + size > reader->capacity) {
    size_t capacity = reader->capacity * 2 + 64 * size;
    char *data = realloc(reader->data, capacity);
    if (data == NULL) return failure_set(reader->failure, STATUS_FAILED, "%s: out of memory", reader->what);
    reader->data = data;
    reader->capacity = capacity;
  }
  const char *end = number_read(reader->at, reader->dtype, reader->data + reader->used);
  if (end == NULL) return refuse(reader, "expected a number or a list");
  reader->at = end;
  reader->used += size;
  return true;
}

static bool read_value(struct reader *reader, uint32_t depth);

/* A list, whose length must be that of the first list of its depth. */
static bool read_list(struct reader *reader, uint32_t depth) {
  uint64_t count = 0;
  if (depth == CLOSS_MAX_RANK) return refuse(reader, "more than 8 dimensions");
  reader->at++;
  skip_space(reader);
  if (*reader->at == ']') {
    if (reader->rank_known && reader->rank != depth + 1) return refuse(reader, "lists of unequal depth");
    reader->rank_known = true;
    reader->rank = depth + 1;
  }
  while (*reader->at != ']') {
    if (count > 0 && *reader->at++ != ',') {
      reader->at--;
      return refuse(reader, "expected ',' or ']'");
    }
    if (!read_value(reader, depth + 1)) return false;
    count++;
    skip_space(reader);
  }
  if (reader->shape_known[depth] && reader->shape[depth] != count) return refuse(reader, "lists of unequal length");
  reader->shape_known[depth] = true;
  reader->shape[depth] = count;
  reader->at++;
  return true;
}

static bool read_value(struct reader *reader, uint32_t depth) {
  skip_space(reader);
  if (*reader->at == '[') {
    if (reader->rank_known && depth >= reader->rank) return refuse(reader, "lists of unequal depth");
    return read_list(reader, depth);
  }
  if (reader->rank_known && depth != reader->rank) return refuse(reader, "lists of unequal depth");
  reader->rank_known = true;
  reader->rank = depth;
  return read_number(reader);
}

bool literal_read(const char *what, const char *text, closs_dtype dtype, closs_tensor *tensor, void **data,
                  struct failure *failure) {
  struct reader reader = {.what = what, .text = text, .at = text, .dtype = dtype, .failure = failure};
  *data = NULL;
  bool good = read_value(&reader, 0);
  if (good) {
    skip_space(&reader);
    if (*reader.at != 0) good = refuse(&reader, "unexpected text");
  }
  if (!good) {
    free(reader.data);
    return false;
  }
  *tensor = closs_tensor_contiguous(dtype, reader.rank, reader.shape);
  *data = reader.data;
  return true;
}
