#include "pack_sources.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "json.h"
#include "signals.h"

struct writing {
  const char *folder;
  char temporary[4096]; /* beside it; empty: not made */
  FILE *manifest;
  struct json json;
  struct failure *failure;
};

static bool cannot_write(struct writing *w) {
  return failure_set(w->failure, STATUS_FAILED, "--source: '%s' cannot be written: %s", w->folder, strerror(errno));
}

static void tell(struct writing *w, const closs_offline_source *source) {
  char file[256];
  snprintf(file, sizeof file, "%s.cl", source->name);
  json_open(&w->json, NULL, '{');
  json_string(&w->json, "file", file);
  json_string(&w->json, "sha256", source->sha256);
  json_open(&w->json, "kernels", '[');
  for (size_t k = 0; k < source->kernel_count; k++) {
    json_open(&w->json, NULL, '{');
    json_string(&w->json, "name", source->kernels[k].name);
    json_open(&w->json, "arguments", '[');
    for (size_t a = 0; a < source->kernels[k].argument_count; a++) {
      json_open(&w->json, NULL, '{');
      json_string(&w->json, "name", source->kernels[k].arguments[a].name);
      json_string(&w->json, "type", source->kernels[k].arguments[a].type);
      json_close(&w->json, '}');
    }
    json_close(&w->json, ']');
    json_close(&w->json, '}');
  }
  json_close(&w->json, ']');
  json_close(&w->json, '}');
}

static void write_source(void *user, const closs_offline_source *source) {
  struct writing *w = user;
  char path[4400];
  if (w->failure->status != 0) return;
  snprintf(path, sizeof path, "%s/%s.cl", w->temporary, source->name);
  FILE *file = fopen(path, "wb");
  bool good = file != NULL && fwrite(source->text, 1, source->text_size, file) == source->text_size;
  if (file != NULL && fclose(file) != 0) good = false;
  if (!good) cannot_write(w);
  tell(w, source);
}

static void remove_folder(const char *path) {
  DIR *list = opendir(path);
  for (const struct dirent *at; list != NULL && (at = readdir(list)) != NULL;)
    unlinkat(dirfd(list), at->d_name, 0); /* "." and ".." stay */
  if (list != NULL) closedir(list);
  rmdir(path);
}

static bool begin(struct writing *w) {
  char path[4400];
  size_t length = strlen(w->folder);
  while (length > 1 && w->folder[length - 1] == '/')
    length--;
  if (length == 0 || length + 16 > sizeof w->temporary) {
    errno = length == 0 ? ENOENT : ENAMETOOLONG;
    return cannot_write(w);
  }
  snprintf(w->temporary, sizeof w->temporary, "%.*s.closs-XXXXXX", (int)length, w->folder);
  mode_t mask = umask(0);
  umask(mask);
  if (mkdtemp(w->temporary) == NULL) {
    cannot_write(w);
    w->temporary[0] = 0; /* there is none to remove */
    return false;
  }
  if (chmod(w->temporary, 0777 & ~mask) != 0) return cannot_write(w);
  snprintf(path, sizeof path, "%s/manifest.json", w->temporary);
  w->manifest = fopen(path, "wb");
  return w->manifest != NULL || cannot_write(w);
}

bool pack_sources(const struct open_device *device, const closs_bundle_options *options, const char *folder,
                  struct failure *failure) {
  struct writing w = {.folder = folder, .failure = failure};
  closs_error error;
  signals_finish(); /* what follows is soon done */
  if (!begin(&w)) {
    if (w.temporary[0] != 0) remove_folder(w.temporary);
    return false;
  }
  w.json = json_begin(w.manifest);
  json_open(&w.json, NULL, '{');
  json_string(&w.json, "closs", closs_version());
  json_string(&w.json, "platform", device->platform);
  json_string(&w.json, "device", device->name);
  json_string(&w.json, "language", "OpenCL C 1.2");
  json_open(&w.json, "sources", '[');
  if (closs_bundle_sources(device->context, options, write_source, &w, &error) != CLOSS_OK)
    failure_set_closs(failure, &error);
  json_close(&w.json, ']');
  json_close(&w.json, '}');
  fputc('\n', w.manifest);
  bool full = ferror(w.manifest) != 0;
  if (fclose(w.manifest) != 0 || full) cannot_write(&w);
  if (failure->status == 0 && rename(w.temporary, folder) != 0) cannot_write(&w);
  if (failure->status != 0) remove_folder(w.temporary);
  return failure->status == 0;
}
