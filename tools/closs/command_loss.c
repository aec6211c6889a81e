/* closs loss */
#include <stdlib.h>
#include <sys/mman.h>

#include "commands.h"
#include "loss_call.h"
#include "progress.h"

static bool open_outputs(struct loss_call *call, struct failure *failure) {
  const struct {
    const char *name, *option;
    struct output **file;
  } wanted[OUTPUT_MAX] = {{"output", "--output", &call->loss.file},
                          {"grad-input", "--grad-input", &call->input_gradient.file},
                          {"grad-target", "--grad-target", &call->target_gradient.file},
                          {"png", "--png", &call->picture}};
  for (int i = 0; i < OUTPUT_MAX; i++) {
    const char *path = arguments_value(call->arguments, wanted[i].name);
    if (path == NULL) continue;
    *wanted[i].file = outputs_add(&call->outputs, wanted[i].option, path, failure);
    if (*wanted[i].file == NULL) return false;
  }
  return true;
}

static void release_result(struct result *result) {
  if (result->map != NULL)
    munmap(result->map, result->map_size);
  else
    free(result->data);
  free(result->single);
}

static void release(struct loss_call *call) {
  outputs_release(&call->outputs);
  device_close(&call->device);
  operand_release(&call->input);
  operand_release(&call->target);
  operand_release(&call->weight);
  operand_release(&call->upstream);
  release_result(&call->loss);
  release_result(&call->input_gradient);
  release_result(&call->target_gradient);
  parameters_release(&call->parameters);
  free(call->picture_bytes);
}

bool command_loss(const struct arguments *arguments, struct failure *failure) {
  const closs_arrays no_arrays = CLOSS_ARRAYS_INIT;
  struct loss_call call = {.arrays = no_arrays, .started = seconds_now()};
  bool good = loss_call_parse(&call, arguments, failure);
  if (good) progress_begin(call.info->name);
  good = good && loss_call_read(&call, failure) && open_outputs(&call, failure) &&
         device_open_chosen(arguments, &call.device, failure) && loss_call_compute(&call, failure) &&
         outputs_write(&call.outputs, failure);
  progress_end();
  /* stdout may be full as well: nothing is put in place before what is printed has been taken. */
  if (good) loss_call_print(&call);
  good = good && print_end(failure) && outputs_commit(&call.outputs, failure);
  release(&call);
  return good;
}
