/* closs devices */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "devices.h"
#include "json.h"

/* What is told of a device beside its names. */
struct facts {
  char vendor[256], driver[256], version[256], profile[64], extensions[16384];
  cl_device_type type;
  cl_uint compute_units;
  cl_ulong global_memory, max_allocation, local_memory;
  size_t max_work_group_size;
  cl_bool compiler;
  bool fp16, fp64, int64;
  const char *device_class; /* NULL: not known */
};

static bool has_word(const char *words, const char *word) {
  size_t length = strlen(word);
  for (const char *at = words; (at = strstr(at, word)) != NULL; at += length)
    if ((at == words || at[-1] == ' ') && (at[length] == ' ' || at[length] == 0)) return true;
  return false;
}

static bool read_facts(const struct device *device, struct facts *facts, struct failure *failure) {
  *facts = (struct facts){.compiler = CL_FALSE};
  const struct {
    cl_device_info what;
    size_t size;
    void *to;
  } wanted[] = {
      {CL_DEVICE_VENDOR, sizeof facts->vendor - 1, facts->vendor},
      {CL_DRIVER_VERSION, sizeof facts->driver - 1, facts->driver},
      {CL_DEVICE_VERSION, sizeof facts->version - 1, facts->version},
      {CL_DEVICE_PROFILE, sizeof facts->profile - 1, facts->profile},
      {CL_DEVICE_EXTENSIONS, sizeof facts->extensions - 1, facts->extensions},
      {CL_DEVICE_TYPE, sizeof facts->type, &facts->type},
      {CL_DEVICE_MAX_COMPUTE_UNITS, sizeof facts->compute_units, &facts->compute_units},
      {CL_DEVICE_GLOBAL_MEM_SIZE, sizeof facts->global_memory, &facts->global_memory},
      {CL_DEVICE_MAX_MEM_ALLOC_SIZE, sizeof facts->max_allocation, &facts->max_allocation},
      {CL_DEVICE_LOCAL_MEM_SIZE, sizeof facts->local_memory, &facts->local_memory},
      {CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof facts->max_work_group_size, &facts->max_work_group_size},
      {CL_DEVICE_COMPILER_AVAILABLE, sizeof facts->compiler, &facts->compiler},
  };
  for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
    if (!device_ask(device->id, wanted[i].what, wanted[i].size, wanted[i].to, failure)) return false;
  facts->fp64 = device_has_fp64(device->id);
  facts->fp16 = has_word(facts->extensions, "cl_khr_fp16");
  facts->int64 = strcmp(facts->profile, "EMBEDDED_PROFILE") != 0 || has_word(facts->extensions, "cles_khr_int64");
  return true;
}

/* The class as the disk cache knows it or, where that is wanted, by the probe. */
static bool find_class(const struct device *device, const struct arguments *arguments, struct facts *facts,
                       struct failure *failure) {
  bool wanted = arguments_value(arguments, "probe") != NULL;
  struct open_device open;
  struct failure unwanted = {0, ""};
  closs_device_class device_class = CLOSS_CLASS_UNKNOWN;
  closs_error error;
  /* A device that is only listed need not work. */
  bool good = device_open(device, arguments->verbose, &open, wanted ? failure : &unwanted);
  if (good) device_class = closs_context_class(open.context);
  if (good && wanted && closs_context_probe(open.context, &device_class, &error) != CLOSS_OK)
    good = failure_set_closs(failure, &error);
  facts->device_class = device_class_name(device_class);
  device_close(&open);
  return good || !wanted;
}

static const char *type_name(cl_device_type type) {
  /* A device may set several bits; the rarest says most. */
  if ((type & CL_DEVICE_TYPE_GPU) != 0 && (type & CL_DEVICE_TYPE_CPU) == 0) return "gpu";
  if ((type & CL_DEVICE_TYPE_ACCELERATOR) != 0 && (type & CL_DEVICE_TYPE_CPU) == 0) return "accelerator";
  return (type & CL_DEVICE_TYPE_CPU) != 0 ? "cpu" : "custom";
}

static const char *profile_name(const char *profile) {
  return strcmp(profile, "EMBEDDED_PROFILE") == 0 ? "embedded" : "full";
}

static void print_text(size_t index, const struct device *device, const struct facts *facts) {
  /* "OpenCL 3.0 what the vendor adds": the number alone. */
  const char *version = strncmp(facts->version, "OpenCL ", 7) == 0 ? facts->version + 7 : facts->version;
  printf("%zu\t%s\t%s\t%.*s\t%s\t%s\t%s\n", index, device->platform_name, device->name, (int)strcspn(version, " "),
         version, profile_name(facts->profile), type_name(facts->type),
         facts->device_class == NULL ? "-" : facts->device_class);
}

static void print_json(struct json *json, size_t index, const struct device *device, const struct facts *facts) {
  json_open(json, NULL, '{');
  json_unsigned(json, "index", index);
  json_string(json, "platform", device->platform_name);
  json_string(json, "device", device->name);
  json_string(json, "vendor", facts->vendor);
  json_string(json, "driver", facts->driver);
  json_string(json, "version", facts->version);
  json_string(json, "profile", profile_name(facts->profile));
  json_string(json, "type", type_name(facts->type));
  json_unsigned(json, "compute_units", facts->compute_units);
  json_unsigned(json, "global_memory", facts->global_memory);
  json_unsigned(json, "max_allocation", facts->max_allocation);
  json_unsigned(json, "local_memory", facts->local_memory);
  json_unsigned(json, "max_work_group_size", facts->max_work_group_size);
  json_bool(json, "fp16", facts->fp16);
  json_bool(json, "fp64", facts->fp64);
  json_bool(json, "int64", facts->int64);
  json_bool(json, "compiler", facts->compiler != CL_FALSE);
  json_string(json, "class", facts->device_class);
  json_close(json, '}');
}

bool command_devices(const struct arguments *arguments, struct failure *failure) {
  struct device_list list;
  struct json json = json_begin(stdout);
  if (arguments->operand_count > 0)
    return failure_set(failure, STATUS_USAGE, "closs devices: unexpected '%s'", arguments->operands[0]);
  bool good = device_list_read(&list, failure);
  struct facts *facts = calloc(list.count + 1, sizeof *facts);
  if (good && facts == NULL) good = failure_set(failure, STATUS_FAILED, "closs devices: out of memory");
  /* Everything is asked before anything is printed: a failure prints no half list. */
  for (size_t i = 0; good && i < list.count; i++) {
    good =
        read_facts(&list.devices[i], &facts[i], failure) && find_class(&list.devices[i], arguments, &facts[i], failure);
  }
  if (good && list.count == 0)
    fprintf(stderr, "closs: no OpenCL device: install an OpenCL driver, e.g. Debian's pocl-opencl-icd for the CPU\n");
  if (good && arguments->json) {
    json_open(&json, NULL, '{');
    json_open(&json, "devices", '[');
    for (size_t i = 0; i < list.count; i++)
      print_json(&json, i, &list.devices[i], &facts[i]);
    json_close(&json, ']');
    json_close(&json, '}');
    putchar('\n');
  }
  for (size_t i = 0; good && !arguments->json && i < list.count; i++)
    print_text(i, &list.devices[i], &facts[i]);
  free(facts);
  device_list_release(&list);
  return good;
}
