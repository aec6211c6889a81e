/* The context as the steps see it. */
#ifndef CLOSS_DEVICE_CONTEXT_H
#define CLOSS_DEVICE_CONTEXT_H

#include <pthread.h>

#include "closs/context.h"
#include "device/caps.h"

struct closs_context {
  closs_opencl cl; /* a copy of the caller's table */
  closs_allocator allocator;
  closs_log_function log;
  void *log_user;
  cl_context context;
  cl_device_id device;
  closs_caps caps;
  char platform_name[128]; /* cut where longer */
  char vendor_name[128];
  char device_name[128];
  char *identity; /* names and versions of platform, device and driver, in full: lines of a key (program/key.h) */
  pthread_mutex_t mutex; /* guards device_class, and one probe at a time */
  closs_device_class device_class;
  struct closs_programs *programs; /* has a lock of its own */
  closs_cache cache;               /* the caller's; functions NULL: none */
  const void *bundle;              /* the caller's, checked; NULL: none */
  bool general;                    /* every program is a general one: while a bundle is made */
  struct closs_disk *disk;         /* the disk cache; NULL: none */
};

/* One line to the caller's log, where there is one. */
void closs_log(const closs_context *context, closs_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
