/* A cache of the caller's own: what one context compiled, the next one takes from it. Here it is a list in memory; a
 * database or an archive has the same two functions. */
#include <closs/closs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
  struct entry *next;
  char *key;
  void *data;
  size_t size;
} entry;

typedef struct cache {
  pthread_mutex_t mutex; /* closs may call from several threads at once */
  entry *entries;
} cache;

static size_t get(void *user, const char *key, void *data, size_t capacity) {
  cache *c = user;
  size_t size = 0;
  pthread_mutex_lock(&c->mutex);
  for (const entry *e = c->entries; e != NULL && size == 0; e = e->next) {
    if (strcmp(e->key, key) != 0) continue;
    size = e->size;
    if (size <= capacity) memcpy(data, e->data, size);
  }
  pthread_mutex_unlock(&c->mutex);
  return size;
}

/* A newer entry stands before an older one of its key. What does not fit is not kept, which is no error. */
static void set(void *user, const char *key, const void *data, size_t size) {
  cache *c = user;
  entry *e = malloc(sizeof *e);
  if (e == NULL) return;
  e->size = size;
  e->key = malloc(strlen(key) + 1);
  e->data = malloc(size);
  if (e->key == NULL || e->data == NULL) {
    free(e->key), free(e->data), free(e);
    return;
  }
  strcpy(e->key, key);
  memcpy(e->data, data, size);
  pthread_mutex_lock(&c->mutex);
  e->next = c->entries;
  c->entries = e;
  pthread_mutex_unlock(&c->mutex);
}

/* Prepares one plan in a context of its own, and says where its program came from. */
static closs_program_origin prepare(cl_context context, cl_device_id device, cache *c) {
  closs_context_options context_options = CLOSS_CONTEXT_OPTIONS_INIT;
  closs_plan_options options = CLOSS_PLAN_OPTIONS_INIT;
  closs_context *closs = NULL;
  closs_plan *plan = NULL;
  closs_error error;
  closs_program_origin origin = CLOSS_PROGRAM_NONE;
  context_options.cache = (closs_cache){c, get, set};
  options.loss = CLOSS_L1;
  options.input = options.target = closs_tensor_contiguous(CLOSS_F32, 1, (uint64_t[]){1000});
  if (closs_context_create(context, device, &context_options, &closs, &error) == CLOSS_OK &&
      closs_plan_create(closs, &options, &plan, &error) == CLOSS_OK && closs_plan_prepare(plan, &error) == CLOSS_OK) {
    origin = closs_plan_program(plan);
  } else {
    puts(error.text);
  }
  closs_plan_destroy(plan);
  closs_context_destroy(closs);
  return origin;
}

int main(void) {
  static const char *const origins[] = {"failed", "compiled", "taken from the cache", "taken from a bundle"};
  cache c = {PTHREAD_MUTEX_INITIALIZER, NULL};
  cl_platform_id platform;
  cl_device_id device;
  clGetPlatformIDs(1, &platform, NULL);
  clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL);
  cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, NULL);
  const closs_program_origin first = prepare(context, device, &c), second = prepare(context, device, &c);
  printf("first: %s, second: %s\n", origins[first], origins[second]);
  clReleaseContext(context);
  for (entry *e = c.entries, *next; e != NULL; e = next) {
    next = e->next;
    free(e->key), free(e->data), free(e);
  }
  return first == CLOSS_PROGRAM_COMPILED && second == CLOSS_PROGRAM_CACHED ? 0 : 1;
}
