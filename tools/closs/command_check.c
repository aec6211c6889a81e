/* closs check */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check_case.h"
#include "check_compare.h"
#include "commands.h"
#include "devices.h"
#include "json.h"
#include "progress.h"

/* What the groups' results hash to, after the short list and after the full one: made by publish.c. */
static const struct {
  const char *group;
  uint64_t hashes[2];
} published[] = {
#include "published.def"
};

struct tally {
  struct check_group group;
  size_t cases, failed;
  const char *why; /* NULL, or what is wrong beside single cases */
};

struct check {
  struct open_device *device;
  closs_device_class device_class;
  bool full;
  bool verbose;
  struct tally *tallies;
  size_t count; /* groups that the device can take */
};

static const char *const way_names[] = {"auto", "lanes", "groups"}; /* in the order of closs_schedule */

static const uint64_t *find_published(const char *group) {
  for (size_t i = 0; i < sizeof published / sizeof published[0]; i++)
    if (strcmp(published[i].group, group) == 0) return published[i].hashes;
  return NULL;
}

/* Whether the group is wanted, the device can take it and its class promises something of it. */
static bool takes(const struct check *check, const struct check_group *group) {
  if (!check->full && !check_group_short(group)) return false;
  if (group->arithmetic == CLOSS_F64 && !check->device->fp64) return false;
  if (group->subnormal && check->device_class != CLOSS_CLASS_EXACT) return false;
  if (!group->wide) return true;
  /* The one large array; without 64-bit integers the library has no variant for it. */
  struct check_case probe;
  bool good = check_case_make(&probe, group, 0) && check->device->max_allocation >= probe.bytes[CHECK_INPUT] + 65536 &&
              closs_loss_supported(check->device->context, &probe.options, NULL) == CLOSS_OK;
  check_case_release(&probe);
  return good;
}

/* Settles the way on what the device takes: a smaller work-group. False where it takes none. */
static bool settle(const struct check *check, struct check_case *made, struct check_way *way) {
  for (;; way->work_group /= 2) {
    made->options.schedule = way->schedule;
    made->options.work_group = way->work_group;
    if (closs_loss_supported(check->device->context, &made->options, NULL) == CLOSS_OK) return true;
    if (way->work_group <= 1) return false;
  }
}

/* Computes a case on the device. A kernel may take more registers than there are for a work-group of the size. */
static bool compute(const struct check *check, struct check_case *made, struct check_way way, closs_error *error) {
  closs_arrays arrays = check_case_arrays(made, false);
  for (;; way.work_group /= 2) {
    made->options.work_group = way.work_group;
    if (closs_compute(check->device->context, &made->options, &arrays, NULL, NULL, error) == CLOSS_OK) return true;
    if (error->opencl != CL_INVALID_WORK_GROUP_SIZE || way.work_group <= 1) return false;
  }
}

static bool agrees(const struct check *check, const struct check_case *made) {
  if (check->device_class == CLOSS_CLASS_OTHER) return check_within_bound(made);
  for (int slot = CHECK_LOSS; slot < CHECK_ARRAYS; slot++)
    if (made->memory[slot] != NULL && memcmp(made->memory[slot], made->expected[slot], made->bytes[slot]) != 0)
      return false;
  return true;
}

/* Runs one case on the host and, in each of its ways, on the device. False where it can't be run. */
static bool run_case(const struct check *check, struct tally *tally, struct check_case *made, size_t number,
                     closs_error *error) {
  struct check_way ways[CHECK_WAYS];
  closs_arrays expected = check_case_arrays(made, true);
  size_t count = check_case_ways(&tally->group, number, check->full, ways), before = tally->cases;
  if (closs_reference(&made->options, &expected, error) != CLOSS_OK) return false;
  for (size_t i = 0; i < count; i++) {
    /* The schedule of a device's choice does for one that it can't run to the end. */
    if (!settle(check, made, &ways[i])) {
      if (check->full) continue;
      ways[i] = (struct check_way){CLOSS_SCHEDULE_AUTO, 0};
      settle(check, made, &ways[i]);
    }
    if (tally->cases++ > before) check_case_reset(made, &tally->group, number);
    if (!compute(check, made, ways[i], error)) return false;
    if (agrees(check, made)) continue;
    tally->failed++;
    if (check->verbose)
      fprintf(stderr, "closs: %s: case %zu, %s: differs\n", tally->group.name, number,
              way_names[made->options.schedule]);
  }
  return true;
}

/* All cases; what is published is a hash of those that the short list leaves out, too: of the host's results, of which
 * the device's are the bits. */
static bool run_group(const struct check *check, struct tally *tally, struct failure *failure) {
  const struct check_group *group = &tally->group;
  const uint64_t *hashes = find_published(group->name);
  size_t few = check_group_cases(group, false), cases = check_group_cases(group, check->full);
  uint64_t hash = CHECK_HASH;
  bool promised = check->device_class != CLOSS_CLASS_OTHER;
  bool good = hashes != NULL || !promised;
  for (size_t number = 0; number < cases; number++) {
    struct check_case made;
    closs_error error;
    if (!check_case_make(&made, group, number)) {
      check_case_release(&made);
      return failure_set(failure, STATUS_FAILED, "%s: out of memory for case %zu", group->name, number);
    }
    if (!run_case(check, tally, &made, number, &error)) {
      failure_set(failure, STATUS_FAILED, "%s: case %zu: %s", group->name, number, error.text);
      check_case_release(&made);
      return false;
    }
    hash = check_case_hash(&made, true, hash);
    check_case_release(&made);
    if (promised && hashes != NULL && number + 1 == few) good = good && hash == hashes[0];
  }
  if (promised && hashes != NULL && check->full) good = good && hash == hashes[1];
  if (!good && tally->failed == 0) {
    /* The device agrees with this build's reference, which does not compute what was published. */
    tally->failed = tally->cases > 0 ? tally->cases : 1;
    tally->why = hashes == NULL ? ", no hash is published" : ", not the published hash";
  }
  return true;
}

static bool run_groups(struct check *check, bool print, struct failure *failure) {
  for (size_t i = 0; i < check_group_count(); i++) {
    struct tally *tally = &check->tallies[check->count];
    check_group_get(i, &tally->group);
    if (!takes(check, &tally->group)) continue;
    progress_begin(tally->group.name);
    bool good = run_group(check, tally, failure);
    progress_end();
    if (!good) return false;
    check->count++;
    if (!print) continue;
    printf("%s: %zu cases, %zu failed%s\n", tally->group.name, tally->cases, tally->failed,
           tally->why == NULL ? "" : tally->why);
    fflush(stdout);
  }
  return true;
}

static void print_json(const struct check *check, bool passed) {
  struct json json = json_begin(stdout);
  json_open(&json, NULL, '{');
  json_string(&json, "device", check->device->name);
  json_string(&json, "class", device_class_name(check->device_class));
  json_open(&json, "groups", '[');
  for (size_t i = 0; i < check->count; i++) {
    json_open(&json, NULL, '{');
    json_string(&json, "name", check->tallies[i].group.name);
    json_unsigned(&json, "cases", check->tallies[i].cases);
    json_unsigned(&json, "failed", check->tallies[i].failed);
    json_close(&json, '}');
  }
  json_close(&json, ']');
  json_bool(&json, "passed", passed);
  json_close(&json, '}');
  putchar('\n');
}

/* The verdict, and the failure that goes with a broken promise. */
static bool conclude(const struct check *check, bool as_json, struct failure *failure) {
  size_t broken = 0;
  for (size_t i = 0; i < check->count; i++)
    broken += check->tallies[i].failed > 0;
  const char *name = device_class_name(check->device_class);
  if (as_json) {
    print_json(check, broken == 0);
  } else {
    printf("%s: class %s: %s\n", check->device->name, name, broken == 0 ? "passed" : "FAILED");
  }
  return broken == 0 ||
         failure_set(failure, STATUS_FAILED, "closs check: %zu of %zu groups break the promise of class %s", broken,
                     check->count, name);
}

bool command_check(const struct arguments *arguments, struct failure *failure) {
  struct open_device device;
  struct check check = {
      .device = &device, .full = arguments_value(arguments, "full") != NULL, .verbose = arguments->verbose};
  closs_error error;
  if (arguments->operand_count > 0)
    return failure_set(failure, STATUS_USAGE, "closs check: unexpected '%s'", arguments->operands[0]);
  bool good = device_open_chosen(arguments, &device, failure);
  if (good && closs_context_probe(device.context, &check.device_class, &error) != CLOSS_OK)
    good = failure_set_closs(failure, &error);
  check.tallies = calloc(check_group_count(), sizeof *check.tallies);
  if (check.tallies == NULL) good = failure_set(failure, STATUS_FAILED, "closs check: out of memory");
  good = good && run_groups(&check, !arguments->json, failure) && conclude(&check, arguments->json, failure);
  free(check.tallies);
  device_close(&device);
  return good;
}
