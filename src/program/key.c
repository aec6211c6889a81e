#include "program/key.h"

#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/sha256.h"
#include "program/source.h"

/* The digest of a program's text: of the digests of its parts, which the build computes. */
static void add_source(closs_sha256 *hash, const closs_source *source) {
  for (uint32_t i = 0; i < source->count; i++) {
    closs_sha256_add(hash, source->files[i]->sha256, CLOSS_SHA256_BYTES);
  }
}

static void end_source(closs_sha256 *hash, char text[CLOSS_SHA256_TEXT]) {
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_sha256_end(hash, digest);
  closs_sha256_text(digest, text);
}

static char *make_key(const closs_context *context, const char *variant, const char *options, const char *source) {
  static const char format[] = "closs %s\nvariant %s\n%soptions %s\nsource %s\n";
  int length = snprintf(NULL, 0, format, CLOSS_VERSION, variant, context->identity, options, source);
  char *key = length < 0 ? NULL : closs_allocate(&context->allocator, (size_t)length + 1);
  if (key != NULL) {
    snprintf(key, (size_t)length + 1, format, CLOSS_VERSION, variant, context->identity, options, source);
  }
  return key;
}

void closs_key_variant(const closs_program_spec *spec, char *text, size_t size) {
  const char *loss = spec->bodies & CLOSS_BODY_PROBE ? "probe" : closs_loss_by_id(spec->loss)->name;
  int used = snprintf(text, size, "%s %s", loss, closs_variant_at(spec->variant)->name);
  const uint32_t named = spec->bodies & ~(uint32_t)CLOSS_BODY_PROBE; /* the probe's name stands for a loss's */
  for (int i = 0; i < CLOSS_BODY_COUNT; i++) {
    if ((named & (uint32_t)closs_bodies[i].body) && used >= 0 && (size_t)used < size) {
      used += snprintf(text + used, size - (size_t)used, " %s", closs_bodies[i].name);
    }
  }
}

char *closs_key_program(const closs_context *context, const closs_program_spec *spec) {
  char variant[128], text[CLOSS_SHA256_TEXT];
  closs_source source;
  closs_sha256 hash;
  closs_source_make(spec, context->caps.fp64, &source);
  closs_sha256_start(&hash);
  add_source(&hash, &source);
  end_source(&hash, text);
  closs_key_variant(spec, variant, sizeof variant);
  return make_key(context, variant, source.options, text);
}

char *closs_key_class(const closs_context *context) {
  char options[2 * CLOSS_OPTIONS_LENGTH] = "", text[CLOSS_SHA256_TEXT];
  static const closs_variant variants[] = {CLOSS_CONTIGUOUS_F32, CLOSS_CONTIGUOUS_F64};
  closs_sha256 hash;
  closs_sha256_start(&hash);
  for (int i = 0; i < (context->caps.fp64 ? 2 : 1); i++) {
    closs_source source;
    const closs_program_spec spec = {.variant = variants[i], .bodies = CLOSS_BODY_PROBE, .flags = CLOSS_ANY};
    closs_source_make(&spec, context->caps.fp64, &source);
    add_source(&hash, &source);
    strcat(options, source.options);
  }
  end_source(&hash, text);
  return make_key(context, "class", options, text);
}

size_t closs_key_line(const char *key, size_t key_size, const char *name, const char **line) {
  const size_t length = strlen(name);
  for (const char *at = key, *end = key + key_size; at < end;) {
    const char *stop = memchr(at, '\n', (size_t)(end - at));
    stop = stop != NULL ? stop : end;
    if ((size_t)(stop - at) > length && memcmp(at, name, length) == 0 && at[length] == ' ') {
      *line = at + length + 1;
      return (size_t)(stop - *line);
    }
    at = stop + 1;
  }
  return 0;
}
