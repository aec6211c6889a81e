/* closs pack */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "closs/bundle.h"
#include "commands.h"
#include "devices.h"
#include "file.h"
#include "output.h"
#include "pack_sources.h"
#include "pack_spirv.h"
#include "progress.h"

enum { MOST_LISTED = 64 };

struct pack_call {
  const struct arguments *arguments;
  const char *output, *c_array, *source;
  bool spirv;
  closs_bundle_options options;
  closs_loss losses[MOST_LISTED];
  closs_dtype dtypes[MOST_LISTED];
  closs_image *images;
  struct open_device device;
  struct outputs outputs;
  void *bundle;
  char *text; /* the bundle as C */
};

/* ---- the command line ---- */

/* The next name of a list "a,b,c"; false at its end. */
static bool next_name(const char **at, char name[64]) {
  size_t length = strcspn(*at, ",");
  if (**at == 0) return false;
  snprintf(name, 64, "%.*s", (int)length, *at);
  *at += length + ((*at)[length] == ',');
  return true;
}

static bool read_losses(struct pack_call *call, const char *list, struct failure *failure) {
  char name[64];
  for (const char *at = list; next_name(&at, name);) {
    const closs_loss_info *info = closs_loss_by_name(name);
    if (info == NULL || call->options.loss_count == MOST_LISTED)
      return failure_set(failure, STATUS_USAGE, "--losses: '%s' is no loss; see closs losses", name);
    call->losses[call->options.loss_count++] = info->loss;
  }
  call->options.losses = call->losses;
  return true;
}

static bool read_dtypes(struct pack_call *call, const char *list, struct failure *failure) {
  static const closs_dtype types[] = {CLOSS_F16, CLOSS_BF16, CLOSS_F32, CLOSS_F64, CLOSS_C64, CLOSS_C128};
  char name[64];
  for (const char *at = list; next_name(&at, name);) {
    size_t i = 0;
    while (i < sizeof types / sizeof types[0] && strcmp(closs_dtype_name(types[i]), name) != 0)
      i++;
    if (i == sizeof types / sizeof types[0] || call->options.dtype_count == MOST_LISTED)
      return failure_set(failure, STATUS_USAGE, "--dtypes: '%s'; expected f16, bf16, f32, f64, c64 or c128", name);
    call->dtypes[call->options.dtype_count++] = types[i];
  }
  call->options.dtypes = call->dtypes;
  return true;
}

static bool is_identifier(const char *text) {
  for (const char *at = text; *at != 0; at++)
    if (!isalnum((unsigned char)*at) && *at != '_') return false;
  return text[0] != 0 && !isdigit((unsigned char)text[0]);
}

static bool read_images(struct pack_call *call, struct failure *failure) {
  const struct arguments *arguments = call->arguments;
  if (arguments_value(arguments, "binary") == NULL) return true;
  call->images = calloc(arguments->given_count + 1, sizeof *call->images);
  if (call->images == NULL) return failure_set(failure, STATUS_FAILED, "closs pack: out of memory");
  for (size_t i = 0; i < arguments->given_count; i++) {
    if (strcmp(arguments->given[i].option->name, "binary") != 0) continue;
    closs_image *image = &call->images[call->options.image_count];
    image->bytes = file_read("--binary", arguments->given[i].value, &image->size, failure);
    if (image->bytes == NULL) return false;
    call->options.image_count++;
    call->options.images = call->images;
  }
  return true;
}

static bool parse(struct pack_call *call, struct failure *failure) {
  const struct arguments *arguments = call->arguments;
  const char *losses = arguments_value(arguments, "losses"), *dtypes = arguments_value(arguments, "dtypes");
  const bool binary = arguments_value(arguments, "binary") != NULL;
  call->output = arguments_value(arguments, "output");
  call->c_array = arguments_value(arguments, "c-array");
  call->source = arguments_value(arguments, "source");
  call->spirv = arguments_value(arguments, "spirv") != NULL;
  if (arguments->operand_count > 0)
    return failure_set(failure, STATUS_USAGE, "closs pack: unexpected '%s'", arguments->operands[0]);
  if (call->output == NULL && call->source == NULL)
    return failure_set(failure, STATUS_USAGE, "closs pack: nothing to write; expected --output FILE or --source DIR");
  if (call->source != NULL && (call->output != NULL || call->c_array != NULL || binary || call->spirv))
    return failure_set(failure, STATUS_USAGE, "--%s: has no effect with --source, which writes sources alone",
                       call->output != NULL ? "output"
                       : binary             ? "binary"
                       : call->spirv        ? "spirv"
                                            : "c-array");
  if (call->spirv && binary)
    return failure_set(failure, STATUS_USAGE, "--binary: has no effect with --spirv, which makes the images itself");
  if (call->c_array != NULL && !is_identifier(call->c_array))
    return failure_set(failure, STATUS_USAGE, "--c-array: '%s'; expected a name in C", call->c_array);
  return (losses == NULL || read_losses(call, losses, failure)) &&
         (dtypes == NULL || read_dtypes(call, dtypes, failure)) && read_images(call, failure);
}

/* ---- what is written ---- */

/* The bundle as an array in C; aligned, so that no reader need copy it. */
static bool make_text(struct pack_call *call, struct output *output, size_t size, struct failure *failure) {
  static const char digits[] = "0123456789abcdef";
  const unsigned char *bytes = call->bundle;
  const size_t room = size * 6 + 1024 + 4 * strlen(call->c_array);
  call->text = malloc(room);
  if (call->text == NULL) return failure_set(failure, STATUS_FAILED, "--c-array: out of memory for %zu bytes", room);
  size_t at = (size_t)snprintf(call->text, room,
                               "/* A bundle of compiled programs for %s, by closs pack of closs %s. */\n"
                               "#include <stddef.h>\n\n"
                               "const size_t %s_size = %zu;\nconst unsigned char %s[%zu] = {",
                               call->device.name, closs_version(), call->c_array, size, call->c_array, size);
  for (size_t i = 0; i < size; i++) {
    const char item[6] = {i % 20 == 0 ? '\n' : ' ', '0', 'x', digits[bytes[i] >> 4], digits[bytes[i] & 15], ','};
    memcpy(call->text + at, item, sizeof item);
    at += sizeof item;
  }
  at += (size_t)snprintf(call->text + at, room - at, "\n};\n");
  output->parts[0] = call->text;
  output->sizes[0] = at;
  return true;
}

static bool write_bundle(struct pack_call *call, struct failure *failure) {
  size_t size = 0;
  closs_error error;
  struct output *output = outputs_add(&call->outputs, "--output", call->output, failure);
  if (output == NULL) return false;
  if (call->spirv) {
    const bool made = pack_spirv(&call->device, &call->options, &call->images, &call->options.image_count, failure);
    call->options.images = call->images;
    if (!made) return false;
  }
  if (closs_bundle_make(call->device.context, &call->options, &call->bundle, &size, &error) != CLOSS_OK) {
    /* Images that the user did not give are not the user's fault. */
    if (call->spirv) return failure_set(failure, STATUS_FAILED, "--spirv: %s", error.text);
    return failure_set_closs(failure, &error);
  }
  output->parts[0] = call->bundle;
  output->sizes[0] = size;
  if (call->c_array != NULL && !make_text(call, output, size, failure)) return false;
  return outputs_write(&call->outputs, failure) && outputs_commit(&call->outputs, failure);
}

bool command_pack(const struct arguments *arguments, struct failure *failure) {
  const closs_bundle_options defaults = CLOSS_BUNDLE_OPTIONS_INIT;
  struct pack_call call = {.arguments = arguments, .options = defaults};
  bool good = parse(&call, failure) && device_open_chosen(arguments, &call.device, failure) &&
              (!call.spirv || pack_spirv_taken(&call.device, failure));
  if (good) {
    progress_begin("pack");
    good = call.source != NULL ? pack_sources(&call.device, &call.options, call.source, failure)
                               : write_bundle(&call, failure);
    progress_end();
  }
  outputs_release(&call.outputs);
  if (call.bundle != NULL) closs_bundle_release(call.device.context, call.bundle);
  device_close(&call.device);
  for (size_t i = 0; i < call.options.image_count; i++)
    free((void *)(uintptr_t)call.images[i].bytes);
  free(call.images);
  free(call.text);
  return good;
}
