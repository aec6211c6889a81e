/* closs bench */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "json.h"
#include "number.h"
#include "progress.h"

enum { MOST_SIZES = 64 };

static const closs_dtype dtypes[] = {CLOSS_F32, CLOSS_F16};
enum { DTYPES = sizeof dtypes / sizeof dtypes[0], LARGEST_ELEMENT = 4 };

struct bench_call {
  const struct arguments *arguments;
  const closs_loss_info **losses;
  size_t loss_count;
  uint64_t sizes[MOST_SIZES];
  size_t size_count;
  struct open_device device;
  struct bench_device bench;
  struct bench_row *rows;
  size_t row_count;
  struct plot plot;
  struct outputs outputs;
  struct output *picture; /* NULL: not wanted */
};

/* ---- what is asked ---- */

static bool choose_losses(struct bench_call *call, struct failure *failure) {
  const struct arguments *arguments = call->arguments;
  size_t named = arguments->operand_count;
  call->loss_count = named > 0 ? named : closs_loss_count();
  call->losses = calloc(call->loss_count, sizeof(const closs_loss_info *));
  if (call->losses == NULL) return failure_set(failure, STATUS_FAILED, "closs bench: out of memory");
  for (size_t i = 0; i < call->loss_count; i++) {
    call->losses[i] = named > 0 ? closs_loss_by_name(arguments->operands[i]) : closs_loss_at(i);
    if (call->losses[i] == NULL)
      return failure_set(failure, STATUS_USAGE, "LOSS: '%s' is no loss; see closs losses", arguments->operands[i]);
    for (size_t other = 0; other < i; other++)
      if (call->losses[other] == call->losses[i])
        return failure_set(failure, STATUS_USAGE, "LOSS: '%s' is given twice", arguments->operands[i]);
  }
  return true;
}

static bool add_size(struct bench_call *call, const char *text, struct failure *failure) {
  uint64_t *size = &call->sizes[call->size_count];
  if (call->size_count == MOST_SIZES)
    return failure_set(failure, STATUS_USAGE, "--sizes: more than %d", (int)MOST_SIZES);
  if (!number_parse_size(text, size) || *size == 0)
    return failure_set(failure, STATUS_USAGE, "--sizes: '%s'; expected numbers of elements like 1K,64K,1M,64M", text);
  for (size_t i = 0; i < call->size_count; i++)
    if (call->sizes[i] == *size) return failure_set(failure, STATUS_USAGE, "--sizes: '%s' is given twice", text);
  call->size_count++;
  return true;
}

static bool choose_sizes(struct bench_call *call, struct failure *failure) {
  const char *text = arguments_value(call->arguments, "sizes");
  char *list = strdup(text != NULL ? text : "1K,64K,1M,64M");
  bool good = list != NULL || failure_set(failure, STATUS_FAILED, "--sizes: out of memory");
  for (char *at = list, *comma; good && at != NULL; at = comma) {
    comma = strchr(at, ',');
    if (comma != NULL) *comma++ = 0;
    good = add_size(call, at, failure);
  }
  free(list);
  return good;
}

/* Sizes that the device has no memory for: an error where they were asked for, else left out. */
static bool fit_sizes(struct bench_call *call, uint64_t *largest, struct failure *failure) {
  size_t kept = 0;
  *largest = 0;
  for (size_t i = 0; i < call->size_count; i++) {
    uint64_t size = call->sizes[i];
    bool too_large = size > UINT64_MAX / 2 / LARGEST_ELEMENT || bench_too_large(&call->device, size * LARGEST_ELEMENT);
    if (too_large && arguments_value(call->arguments, "sizes") != NULL)
      return failure_set(
          failure, STATUS_USAGE,
          "--sizes: %" PRIu64 " elements need four arrays of %" PRIu64 " MiB; the largest of %s is %" PRIu64 " MiB",
          size, size / ((1 << 20) / LARGEST_ELEMENT), call->device.name, (uint64_t)call->device.max_allocation >> 20);
    if (too_large) continue;
    call->sizes[kept++] = size;
    *largest = size > *largest ? size : *largest;
  }
  call->size_count = kept;
  return kept > 0 || failure_set(failure, STATUS_FAILED, "closs bench: %s has no memory for it", call->device.name);
}

/* ---- what comes out ---- */

static void print_group(const struct bench_row *rows, size_t count, const double bandwidth[BENCH_YARDSTICKS]) {
  printf("%s, %" PRIu64 " elements; the device reads %.3g GB/s, copies %.3g GB/s\n", closs_dtype_name(rows[0].dtype),
         rows[0].elements, 1e-9 * bandwidth[BENCH_READ], 1e-9 * bandwidth[BENCH_COPY]);
  for (size_t i = 0; i < count; i++)
    printf("  %-12s %-9s %12.3f us %10.3f GB/s %5.0f %%\n", rows[i].loss->name, bench_work_names[rows[i].work],
           1e6 * rows[i].seconds, 1e-9 * rows[i].bytes_per_second, 100 * rows[i].share);
}

static void print_json(const struct bench_call *call) {
  struct json json = json_begin(stdout);
  json_open(&json, NULL, '{');
  json_string(&json, "device", call->device.name);
  json_open(&json, "rows", '[');
  for (size_t i = 0; i < call->row_count; i++) {
    const struct bench_row *row = &call->rows[i];
    json_open(&json, NULL, '{');
    json_string(&json, "loss", row->loss->name);
    json_string(&json, "dtype", closs_dtype_name(row->dtype));
    json_unsigned(&json, "elements", row->elements);
    json_string(&json, "work", bench_work_names[row->work]);
    json_double(&json, "seconds", row->seconds);
    json_double(&json, "bytes_per_second", row->bytes_per_second);
    json_double(&json, "share_of_bandwidth", row->share);
    json_close(&json, '}');
  }
  json_close(&json, ']');
  json_close(&json, '}');
  putchar('\n');
}

static bool measure(struct bench_call *call, struct failure *failure) {
  size_t works = call->loss_count * BENCH_WORKS;
  call->rows = calloc(works * DTYPES * call->size_count + 1, sizeof *call->rows);
  if (call->rows == NULL) return failure_set(failure, STATUS_FAILED, "closs bench: out of memory");
  if (!call->arguments->json) printf("%s\n", call->device.name);
  for (size_t i = 0; i < DTYPES * call->size_count; i++) {
    closs_dtype dtype = dtypes[i / call->size_count];
    uint64_t elements = call->sizes[i % call->size_count];
    struct bench_row *rows = call->rows + call->row_count;
    double bandwidth[BENCH_YARDSTICKS];
    char what[64];
    snprintf(what, sizeof what, "%s, %" PRIu64 " elements", closs_dtype_name(dtype), elements);
    progress_begin(what);
    bool good = bench_measure(&call->bench, call->losses, call->loss_count, dtype, elements, rows, bandwidth, failure);
    progress_end();
    if (!good) return false;
    call->row_count += works;
    if (call->arguments->json) continue;
    print_group(rows, works, bandwidth);
    if (!print_end(failure)) return false; /* nobody reads on */
  }
  return true;
}

static bool begin_picture(struct bench_call *call, struct failure *failure) {
  const char *path = arguments_value(call->arguments, "plot");
  if (path == NULL) return true;
  call->picture = outputs_add(&call->outputs, "--plot", path, failure);
  return call->picture != NULL && plot_begin(&call->plot, "--plot", 1500, 500, failure);
}

static bool end_picture(struct bench_call *call, struct failure *failure) {
  if (call->picture == NULL) return true;
  return bench_plot(&call->plot, call->device.name, call->rows, call->row_count, call->picture, failure) &&
         /* Another file gets a part of the call, and leaves the rest. NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
         outputs_write(&call->outputs, failure) && outputs_commit(&call->outputs, failure);
}

bool command_bench(const struct arguments *arguments, struct failure *failure) {
  struct bench_call call = {.arguments = arguments};
  uint64_t largest;
  bool good = choose_losses(&call, failure) && choose_sizes(&call, failure) && begin_picture(&call, failure) &&
              device_open_chosen(arguments, &call.device, failure) && fit_sizes(&call, &largest, failure) &&
              bench_open(&call.bench, &call.device, largest * LARGEST_ELEMENT, failure) && measure(&call, failure) &&
              end_picture(&call, failure);
  if (good && arguments->json) print_json(&call);
  if (call.bench.device != NULL) bench_close(&call.bench);
  plot_release(&call.plot);
  outputs_release(&call.outputs);
  device_close(&call.device);
  free(call.losses);
  free(call.rows);
  return good;
}
