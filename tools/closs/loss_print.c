/* closs loss: the result on stdout. */
#include <inttypes.h>
#include <stdio.h>

#include "json.h"
#include "loss_call.h"
#include "number.h"

static uint64_t bytes_of(const closs_tensor *tensor) {
  return closs_tensor_elements(tensor) * closs_dtype_size(tensor->dtype);
}

/* Operands read and results written, once each. */
static uint64_t traffic(const struct loss_call *call) {
  uint64_t bytes = bytes_of(&call->input.tensor) + bytes_of(&call->target.tensor) + bytes_of(&call->loss.tensor);
  if (call->has_weight) bytes += bytes_of(&call->weight.tensor);
  if (call->has_upstream_array) bytes += bytes_of(&call->upstream.tensor);
  if (call->input_gradient.data != NULL) bytes += bytes_of(&call->input_gradient.tensor);
  if (call->target_gradient.data != NULL) bytes += bytes_of(&call->target_gradient.tensor);
  return bytes;
}

static void print_values(struct json *json, const struct result *loss) {
  size_t size = closs_dtype_size(loss->tensor.dtype);
  const char *at = loss->data;
  json_open(json, "values", '[');
  for (uint64_t i = 0; i < closs_tensor_elements(&loss->tensor); i++, at += size)
    json_element(json, NULL, loss->tensor.dtype, at);
  json_close(json, ']');
}

static void print_reduced(struct json *json, const struct result *loss) {
  char bits[24];
  snprintf(bits, sizeof bits, "0x%0*" PRIx64, (int)closs_dtype_size(loss->tensor.dtype) * 2,
           number_bits(loss->tensor.dtype, loss->data));
  json_element(json, "loss", loss->tensor.dtype, loss->data);
  json_string(json, "bits", bits);
}

static void print_json(const struct loss_call *call) {
  const struct result *loss = &call->loss;
  struct json json = json_begin(stdout);
  json_open(&json, NULL, '{');
  if (call->options.reduction != CLOSS_NONE) print_reduced(&json, loss);
  if (call->options.reduction == CLOSS_NONE && loss->file == NULL) print_values(&json, loss);
  json_string(&json, "dtype", closs_dtype_name(loss->tensor.dtype));
  json_open(&json, "shape", '[');
  for (uint32_t i = 0; i < loss->tensor.rank; i++)
    json_unsigned(&json, NULL, loss->tensor.shape[i]);
  json_close(&json, ']');
  json_string(&json, "reduction", closs_reduction_name(call->options.reduction));
  json_string(&json, "device", call->device.name);
  json_string(&json, "schedule", call->schedule);
  json_string(&json, "program", call->program);
  json_unsigned(&json, "elements", call->terms);
  json_unsigned(&json, "bytes", traffic(call));
  json_open(&json, "seconds", '{');
  json_double(&json, "total", seconds_now() - call->started);
  json_double(&json, "program", call->timing.program);
  json_double(&json, "transfer", call->timing.transfer);
  json_double(&json, "kernel", call->timing.kernel);
  json_close(&json, '}');
  json_close(&json, '}');
  putchar('\n');
}

void loss_call_print(const struct loss_call *call) {
  const struct result *loss = &call->loss;
  size_t size = closs_dtype_size(loss->tensor.dtype);
  const char *at = loss->data;
  if (call->arguments->json) {
    print_json(call);
  } else if (loss->file == NULL) {
    for (uint64_t i = 0; i < closs_tensor_elements(&loss->tensor); i++, at += size) {
      char text[NUMBER_TEXT];
      number_text(text, loss->tensor.dtype, at);
      puts(text);
    }
  }
}
