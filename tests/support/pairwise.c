#include "pairwise.h"

#include <string.h>

#include "harness.h"
#include "values.h"

enum { CANDIDATES = 24, MAX_FACTORS = 24 };

typedef struct cover {
  size_t factors;
  const unsigned *levels;
  unsigned first[MAX_FACTORS]; /* the number of a factor's level 0 among all levels */
  unsigned total;              /* levels of all factors */
  bool *open;                  /* [total][total]: pairs that no row holds yet */
  size_t left;                 /* how many those are */
  test_allowed allowed;
  uint64_t stream;
} cover;

static bool *pair(const cover *c, size_t f, unsigned a, size_t g, unsigned b) {
  const size_t low = f < g ? c->first[f] + a : c->first[g] + b, high = f < g ? c->first[g] + b : c->first[f] + a;
  return &c->open[low * c->total + high];
}

static unsigned pick(cover *c, size_t count) {
  return (unsigned)(test_random(&c->stream) % count);
}

/* Open pairs that level a of factor f makes with what the row has settled. */
static unsigned gain(const cover *c, const unsigned *row, size_t f, unsigned a) {
  unsigned pairs = 0;
  for (size_t g = 0; g < c->factors; ++g)
    pairs += g != f && row[g] != TEST_OPEN && *pair(c, f, a, g, row[g]);
  return pairs;
}

/* Settles the open factors in random order, each by the level that gains most. Returns the pairs gained, or -1 where no
 * level is allowed. */
static int complete(cover *c, unsigned *row) {
  size_t order[MAX_FACTORS];
  int gained = 0;
  for (size_t i = 0; i < c->factors; ++i) {
    const size_t j = pick(c, i + 1);
    order[i] = i;
    order[i] = order[j];
    order[j] = i;
  }
  for (size_t i = 0; i < c->factors; ++i) {
    const size_t f = order[i];
    if (row[f] != TEST_OPEN) continue;
    int best = -1;
    unsigned level = 0, ties = 0;
    for (unsigned a = 0; a < c->levels[f]; ++a) {
      row[f] = a;
      if (!c->allowed(row)) continue;
      const int score = (int)gain(c, row, f, a);
      if (score > best) ties = 0;
      if (score >= best && pick(c, ++ties) == 0) level = a;
      best = score > best ? score : best;
    }
    if (best < 0) return -1;
    row[f] = level;
    gained += best;
  }
  return gained;
}

static bool next_open(const cover *c, size_t *f, unsigned *a, size_t *g, unsigned *b) {
  for (*f = 0; *f < c->factors; ++*f)
    for (*g = *f + 1; *g < c->factors; ++*g)
      for (*a = 0; *a < c->levels[*f]; ++*a)
        for (*b = 0; *b < c->levels[*g]; ++*b)
          if (*pair(c, *f, *a, *g, *b)) return true;
  return false;
}

static void close_pairs(cover *c, const unsigned *row) {
  for (size_t f = 0; f < c->factors; ++f)
    for (size_t g = f + 1; g < c->factors; ++g) {
      bool *open = pair(c, f, row[f], g, row[g]);
      c->left -= *open;
      *open = false;
    }
}

/* The best of some rows that hold one open pair; false where the pair is in no allowed row. */
static bool find_row(cover *c, unsigned *best_row) {
  size_t f, g;
  unsigned a, b, row[MAX_FACTORS];
  int best = -1;
  if (!next_open(c, &f, &a, &g, &b)) return false;
  for (unsigned i = 0; i < CANDIDATES; ++i) {
    for (size_t k = 0; k < c->factors; ++k)
      row[k] = TEST_OPEN;
    row[f] = a;
    row[g] = b;
    if (!c->allowed(row)) break;
    const int gained = complete(c, row);
    if (gained > best) {
      best = gained;
      memcpy(best_row, row, c->factors * sizeof *row);
    }
  }
  if (best < 0) {
    *pair(c, f, a, g, b) = false;
    --c->left;
  }
  return best >= 0;
}

unsigned *test_pairwise(size_t factors, const unsigned *levels, test_allowed allowed, uint64_t seed, size_t *rows) {
  cover c = {.factors = factors, .levels = levels, .allowed = allowed, .stream = seed};
  unsigned *result = NULL, row[MAX_FACTORS];
  size_t capacity = 0;
  assert_true(factors <= MAX_FACTORS);
  for (size_t f = 0; f < factors; ++f) {
    c.first[f] = c.total;
    c.left += (size_t)c.total * levels[f];
    c.total += levels[f];
  }
  c.open = test_allocate((size_t)c.total * c.total * sizeof *c.open);
  memset(c.open, true, (size_t)c.total * c.total * sizeof *c.open);

  *rows = 0;
  while (c.left) {
    if (!find_row(&c, row)) continue;
    close_pairs(&c, row);
    if (*rows == capacity) {
      capacity = capacity ? 2 * capacity : 256;
      unsigned *grown = realloc(result, capacity * factors * sizeof *result);
      assert_non_null(grown);
      result = grown;
    }
    memcpy(result + (*rows)++ * factors, row, factors * sizeof *row);
  }
  free(c.open);
  return result;
}
