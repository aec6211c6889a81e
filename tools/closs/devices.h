/* The OpenCL devices of this machine, and the choice of one. */
#ifndef PROGRAM_DEVICES_H
#define PROGRAM_DEVICES_H

#include "closs/context.h"
#include "options.h"

struct device {
  cl_platform_id platform;
  cl_device_id id;
  char *platform_name;
  char *name;
};

/* In the order of `closs devices`: the index there is the index here. */
struct device_list {
  struct device *devices;
  size_t count;
  size_t platforms;
};

bool device_list_read(struct device_list *list, struct failure *failure);
void device_list_release(struct device_list *list);

/* The device that a text names: an index, or a part of a platform's or device's name in any case. */
bool device_find(const struct device_list *list, const char *what, const char *text, size_t *index,
                 struct failure *failure);

/* One fact about a device, as clGetDeviceInfo gives it. */
bool device_ask(cl_device_id id, cl_device_info what, size_t size, void *to, struct failure *failure);
bool device_has_fp64(cl_device_id id);

/* A device to compute on. */
struct open_device {
  cl_device_id id;
  char *name, *platform;
  void *bundle; /* of $CLOSS_BUNDLE */
  bool fp64;
  cl_ulong global_memory;
  cl_ulong max_allocation;
  bool shares_memory; /* with the host */
  cl_context opencl;
  closs_context *context;
};

/* The folder of the disk cache, "" for none: closs_cache_default_directory(). */
enum { CACHE_PATH = 4096 };
bool cache_folder(char path[CACHE_PATH], struct failure *failure);

/* Opens one device of the list, with the disk cache and the bundle of $CLOSS_BUNDLE. With verbose the library's log
 * goes to stderr. */
bool device_open(const struct device *device, bool verbose, struct open_device *open, struct failure *failure);

/* Opens the device of --device, else of $CLOSS_DEVICE, else the first. */
bool device_open_chosen(const struct arguments *arguments, struct open_device *open, struct failure *failure);
void device_close(struct open_device *open);

/* "exact", "normal", "other"; NULL where it is not known. */
const char *device_class_name(closs_device_class device_class);

#endif
