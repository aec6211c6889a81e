/*
 * Prints tools/closs/published.def: the hashes of the reference's results that `closs check` compares devices with.
 *
 * To be run where cases were added (a loss, a kernel variant). A hash of an old group that changes is a change of the
 * published arithmetic: it needs a reason, and a new major version.
 */
#include <inttypes.h>
#include <stdio.h>

#include "check_case.h"

static int publish(const struct check_group *group) {
  uint64_t hash = CHECK_HASH, after_few = 0;
  for (size_t number = 0; number < check_group_cases(group, true); number++) {
    struct check_case made;
    closs_error error = {.text = "out of memory"};
    bool good = check_case_make(&made, group, number);
    closs_arrays arrays = check_case_arrays(&made, true);
    good = good && closs_reference(&made.options, &arrays, &error) == CLOSS_OK;
    if (!good) fprintf(stderr, "%s, case %zu: %s\n", group->name, number, error.text);
    hash = check_case_hash(&made, true, hash);
    check_case_release(&made);
    if (!good) return 1;
    if (number + 1 == check_group_cases(group, false)) after_few = hash;
  }
  printf("{\"%s\", {UINT64_C(0x%016" PRIx64 "), UINT64_C(0x%016" PRIx64 ")}},\n", group->name, after_few, hash);
  return 0;
}

int main(void) {
  puts("/* Made by publish.c: a group of `closs check`, and FNV-1a of its results in the short and in the full list. "
       "*/");
  for (size_t i = 0; i < check_group_count(); i++) {
    struct check_group group;
    check_group_get(i, &group);
    if (publish(&group) != 0) return 1;
  }
  return 0;
}
