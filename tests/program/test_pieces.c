/* The geometry of pieces, by looking at every term and element of small spaces. */
#include <stdlib.h>

#include "program.h"

#include "pieces.h"

enum { MOST_TERMS = 4096, MOST_RANK = 4, WEIGHT = 2, THERE = 3 };

/* Input, target and a weight of the last dimension; no upstream. */
struct arrays {
  closs_tensor shape;
  closs_tensor tensors[THERE];
  struct pieces_space space;
};

/* An array's elements are numbers that say where they are. */
static uint32_t data[THERE][MOST_TERMS];

static closs_tensor tensor_of(uint32_t rank, const uint64_t *shape, bool fortran) {
  closs_tensor tensor = closs_tensor_contiguous(CLOSS_U32, rank, shape);
  int64_t stride = 1;
  for (uint32_t d = 0; fortran && d < rank; d++) {
    tensor.strides[d] = stride;
    stride *= (int64_t)shape[d];
  }
  return tensor;
}

static const struct {
  uint32_t rank;
  uint64_t input[MOST_RANK], target[MOST_RANK];
} shapes[] = {{0, {0}, {0}},
              {1, {1}, {1}},
              {1, {77}, {77}},
              {1, {1}, {77}},
              {2, {13, 21}, {13, 21}},
              {2, {13, 1}, {13, 21}},
              {2, {1, 21}, {13, 21}},
              {2, {13, 1}, {1, 21}},
              {3, {5, 6, 7}, {5, 6, 7}},
              {3, {5, 1, 7}, {1, 6, 7}},
              {4, {3, 1, 4, 5}, {3, 2, 1, 5}},
              {4, {2, 3, 4, 5}, {1, 3, 4, 1}}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], ORDERS = 4 };

static struct arrays make(size_t shape, unsigned orders) {
  struct arrays a = {.shape = {.rank = 0}};
  uint32_t rank = shapes[shape].rank;
  a.tensors[0] = tensor_of(rank, shapes[shape].input, (orders & 1) != 0);
  a.tensors[1] = tensor_of(rank, shapes[shape].target, (orders & 2) != 0);
  assert_int_equal(closs_tensor_broadcast(&a.tensors[0], &a.tensors[1], &a.shape, NULL), CLOSS_OK);
  a.tensors[WEIGHT] = tensor_of(rank > 0 ? 1 : 0, &a.shape.shape[rank > 0 ? rank - 1 : 0], false);
  const closs_tensor *tensors[PIECES_ARRAYS] = {&a.tensors[0], &a.tensors[1], &a.tensors[WEIGHT], NULL};
  pieces_space_make(&a.space, &a.shape, tensors);
  return a;
}

/* What a term, by its number in the whole shape, reads from an array. */
static uint32_t element_of(const struct arrays *a, int array, uint64_t term) {
  const closs_tensor *tensor = &a->tensors[array];
  uint32_t missing = a->shape.rank - tensor->rank;
  int64_t at = 0;
  for (uint32_t d = a->shape.rank; d-- > 0; term /= a->shape.shape[d])
    if (d >= missing && tensor->shape[d - missing] != 1)
      at += (int64_t)(term % a->shape.shape[d]) * tensor->strides[d - missing];
  return data[array][at];
}

/* The number in the whole shape of term i of a box; and what it reads from the packed elements of an array. */
static uint64_t term_of(const struct pieces_space *space, const struct pieces_box *box, uint64_t i,
                        const closs_tensor *packed, const uint32_t *elements, uint32_t *read) {
  uint64_t term = 0, size = 1;
  int64_t at = 0;
  for (uint32_t d = space->rank; d-- > 0; size *= space->shape[d], i /= box->length[d]) {
    uint64_t index = i % box->length[d];
    term += (box->first[d] + index) * size;
    at += packed->shape[d] == 1 ? 0 : (int64_t)index * packed->strides[d];
  }
  *read = elements[at];
  return term;
}

/* Every array's elements in a box, packed and where they lie; marks the terms. */
static void check_box(const struct arrays *a, const struct pieces_box *box, unsigned char seen[MOST_TERMS]) {
  static uint32_t packed[MOST_TERMS];
  uint64_t terms = pieces_terms(&a->space, box);
  for (int array = 0; array < THERE; array++) {
    closs_tensor tensor = pieces_tensor(&a->space, array, box, CLOSS_U32);
    const uint32_t *run = pieces_find_run(&a->space, array, box, sizeof *run, data[array]);
    uint64_t elements = pieces_elements(&a->space, array, box);
    assert_int_equal(tensor.rank, a->space.rank);
    assert_int_equal(closs_tensor_elements(&tensor), elements);
    memset(packed, 0xff, sizeof packed);
    pieces_pack(&a->space, array, box, sizeof *packed, data[array], packed);
    assert_int_equal(packed[elements], UINT32_MAX);
    if (run != NULL) assert_memory_equal(packed, run, (size_t)elements * sizeof *packed);
    for (uint64_t i = 0; i < terms; i++) {
      uint32_t read;
      uint64_t term = term_of(&a->space, box, i, &tensor, packed, &read);
      assert_int_equal(read, element_of(a, array, term));
      if (array == 0) seen[term]++;
    }
  }
}

/* The number of the box's first term among the dimensions that a cut walks. */
static uint64_t position(const struct pieces_space *space, const struct pieces_cut *cut, const struct pieces_box *box) {
  uint64_t number = 0;
  for (uint32_t i = 0; i < cut->count; i++)
    number = number * space->shape[cut->dims[i]] + box->first[cut->dims[i]];
  return number;
}

static void check_cut(const struct arrays *a, const struct pieces_cut *cut, bool gapless) {
  unsigned char seen[MOST_TERMS] = {0};
  struct pieces_box box = pieces_whole(&a->space);
  uint64_t terms = pieces_terms(&a->space, &box), walked = 1, next = 0;
  for (uint32_t i = 0; i < cut->count; i++)
    walked *= a->space.shape[cut->dims[i]];
  uint64_t columns = terms / walked;
  pieces_begin(&a->space, cut, &box);
  do {
    assert_int_equal(position(&a->space, cut, &box), next);
    next += pieces_terms(&a->space, &box) / columns;
    check_box(a, &box, seen);
    if (gapless) assert_non_null(pieces_find_run(&a->space, 0, &box, sizeof(uint32_t), data[0]));
  } while (pieces_next(&a->space, cut, &box));
  assert_int_equal(next, walked);
  for (uint64_t i = 0; i < terms; i++)
    assert_int_equal(seen[i], 1);
}

/* Every cut of every space. */
static void cuts(void **state) {
  (void)state;
  for (size_t shape = 0; shape < SHAPES; shape++)
    for (unsigned orders = 0; orders < ORDERS; orders++) {
      struct arrays a = make(shape, orders);
      struct pieces_cut walks[] = {pieces_walk_all(&a.space), pieces_walk(&a.space, 0, true),
                                   pieces_walk(&a.space, 0, false), pieces_walk(&a.space, 1, true),
                                   pieces_walk(&a.space, 1, false)};
      assert_int_equal(walks[1].count + walks[2].count, a.space.rank);
      for (size_t w = 0; w < sizeof walks / sizeof walks[0]; w++) {
        struct pieces_cut *cut = &walks[w];
        cut->length = 1;
        check_cut(&a, cut, w == 0 && orders == 0);
        for (cut->at = 0; cut->at < cut->count; cut->at++)
          for (cut->length = 1; cut->length <= a.space.shape[cut->dims[cut->at]]; cut->length++)
            check_cut(&a, cut, w == 0 && orders == 0);
      }
    }
}

static void collapses(void **state) {
  (void)state;
  const uint64_t long_shape[] = {2, 3, 1, 4, 5}, row[] = {4, 5};
  closs_tensor whole = tensor_of(5, long_shape, false), fortran = tensor_of(5, long_shape, true),
               last = tensor_of(2, row, false);
  const closs_tensor *both[PIECES_ARRAYS] = {&whole, &whole, NULL, NULL};
  struct pieces_space space;
  pieces_space_make(&space, &whole, both);
  assert_int_equal(space.rank, 1);
  assert_int_equal(space.shape[0], 120);
  both[1] = &last;
  pieces_space_make(&space, &whole, both);
  assert_int_equal(space.rank, 2);
  assert_int_equal(space.shape[0], 6);
  assert_int_equal(space.shape[1], 20);
  assert_int_equal(space.strides[1][0], 0);
  assert_int_equal(space.strides[1][1], 1);
  both[1] = &fortran;
  pieces_space_make(&space, &whole, both);
  assert_int_equal(space.rank, 4);
}

/* ---- the choice of a cut ---- */

struct question {
  const struct pieces_space *space;
  uint64_t most;
  unsigned asked;
};

/* Terms of the largest piece of a cut, of the dimensions walked. */
static uint64_t piece_terms(const struct pieces_space *space, const struct pieces_cut *cut) {
  uint64_t terms = cut->count > 0 ? cut->length : 1;
  for (uint32_t i = cut->at + 1; i < cut->count; i++)
    terms *= space->shape[cut->dims[i]];
  return terms;
}

static bool fits(void *user, const struct pieces_cut *cut) {
  struct question *question = user;
  question->asked++;
  return piece_terms(question->space, cut) <= question->most;
}

/* The fewest and the most terms that the pieces of a cut can have, from `least` to `most` of them. */
static void look_at_all(const struct pieces_space *space, struct pieces_cut cut, uint64_t least, uint64_t most,
                        uint64_t *fewest, uint64_t *largest) {
  *fewest = UINT64_MAX;
  *largest = 0;
  for (cut.at = 0; cut.at < cut.count; cut.at++)
    for (cut.length = 1; cut.length <= space->shape[cut.dims[cut.at]]; cut.length++) {
      uint64_t terms = piece_terms(space, &cut);
      if (terms >= least && terms < *fewest) *fewest = terms;
      if (terms <= most && terms > *largest) *largest = terms;
    }
}

static void finds(void **state) {
  (void)state;
  for (size_t shape = 2; shape < SHAPES; shape++) {
    struct arrays a = make(shape, 1);
    struct pieces_box whole = pieces_whole(&a.space);
    uint64_t total = pieces_terms(&a.space, &whole), fewest, best;
    for (uint64_t least = 1; least < 100; least += 3)
      for (uint64_t most = 1; most < 900; most++) {
        struct question question = {&a.space, most, 0};
        struct pieces_cut cut = pieces_walk_all(&a.space);
        look_at_all(&a.space, cut, least < total ? least : total, most, &fewest, &best);
        bool found = pieces_find(&a.space, least, fits, &question, &cut);
        uint64_t got = piece_terms(&a.space, &cut), step = least;
        assert_true(question.asked < 64);
        assert_int_equal(found, fewest <= most);
        if (!found) assert_int_equal(got, fewest);
        if (!found) continue;
        /* The largest, but for what a multiple of `least` takes. */
        while (step % (got / cut.length) != 0)
          step += least;
        if (got != best) assert_true(got % least == 0 && got < best && best - got < step);
        const uint64_t multiple = step / (got / cut.length);
        if (got == total || cut.length < multiple || cut.length % multiple == 0) continue;
        cut.length -= cut.length % multiple; /* is not taken where what is left in the end would not fit */
        assert_false(fits(&question, &cut));
      }
  }
}

int main(void) {
  for (int array = 0; array < THERE; array++)
    for (uint32_t i = 0; i < MOST_TERMS; i++)
      data[array][i] = 4 * i + (uint32_t)array;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(cuts),
      cmocka_unit_test(collapses),
      cmocka_unit_test(finds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
