#include "program/offline.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/allocate.h"
#include "base/error.h"
#include "base/sha256.h"
#include "program/source.h"

void closs_offline_name(const closs_program_spec *spec, char name[CLOSS_OFFLINE_NAME]) {
  const char *loss = spec->bodies & CLOSS_BODY_PROBE ? "probe" : closs_loss_by_id(spec->loss)->name;
  snprintf(name, CLOSS_OFFLINE_NAME, "closs_%s_%s", loss, closs_variant_at(spec->variant)->name);
}

void closs_offline_prefix(const closs_program_spec *spec, bool fp64, char prefix[CLOSS_PREFIX]) {
  char name[CLOSS_OFFLINE_NAME], digits[CLOSS_SHA256_TEXT];
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_source source;
  closs_sha256 hash;
  closs_source_make(spec, fp64, &source);
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, CLOSS_VERSION, sizeof CLOSS_VERSION);
  closs_sha256_add(&hash, source.options, sizeof source.options); /* zeros behind the text */
  for (uint32_t i = 0; i < source.count; i++) {
    closs_sha256_add(&hash, source.files[i]->sha256, CLOSS_SHA256_BYTES);
  }
  closs_sha256_end(&hash, digest);
  closs_sha256_text(digest, digits);
  closs_offline_name(spec, name);
  snprintf(prefix, CLOSS_PREFIX, "%s_%.8s_", name, digits);
}

/* ---- the text ---- */

/* The options as lines of the text: "-DNAME=VALUE" becomes "#define NAME VALUE". */
static size_t write_defines(const closs_program_spec *spec, const char *options, const char *name, const char *prefix,
                            char *text, size_t room) {
  int used = snprintf(text, room, "/* %s: made by closs %s; one work-item runs a kernel. */\n", name, CLOSS_VERSION);
  for (const char *at = options; (at = strstr(at, "-D")) != NULL;) {
    at += 2;
    int length = (int)strcspn(at, " "), stem = (int)strcspn(at, "= ");
    used += snprintf(text + used, room - (size_t)used, "#define %.*s %.*s\n", stem, at,
                     stem < length ? length - stem - 1 : 0, at + stem + (stem < length));
  }
  if (!(spec->bodies & CLOSS_BODY_PROBE)) {
    used += snprintf(text + used, room - (size_t)used, "#define CLOSS_SINGLE\n");
  }
  for (int i = 0; i < CLOSS_BODY_COUNT; i++) {
    if (spec->bodies & closs_bodies[i].body) {
      used += snprintf(text + used, room - (size_t)used, "#define closs_%s %s%s\n", closs_bodies[i].name, prefix,
                       closs_bodies[i].name);
    }
  }
  return (size_t)used;
}

static closs_status make_text(const closs_allocator *allocator, const closs_program_spec *spec,
                              const closs_source *source, closs_offline *offline, closs_error *error) {
  char defines[2048];
  unsigned char digest[CLOSS_SHA256_BYTES];
  closs_sha256 hash;
  size_t at = write_defines(spec, source->options, offline->name, offline->prefix, defines, sizeof defines), size = at;
  for (uint32_t i = 0; i < source->count; i++) {
    size += strlen(source->parts[i]);
  }
  offline->text = closs_allocate(allocator, size + 1);
  if (offline->text == NULL) {
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for a source of %zu bytes", size);
  }
  memcpy(offline->text, defines, at);
  for (uint32_t i = 0; i < source->count; i++) {
    size_t length = strlen(source->parts[i]);
    memcpy(offline->text + at, source->parts[i], length);
    at += length;
  }
  closs_sha256_start(&hash);
  closs_sha256_add(&hash, offline->text, size);
  closs_sha256_end(&hash, digest);
  closs_sha256_text(digest, offline->source.sha256);
  offline->source.name = offline->name;
  offline->source.text = offline->text;
  offline->source.text_size = size;
  return CLOSS_OK;
}

/* ---- its kernels ---- */

/* Copies words behind `*place`, and gives where they begin. */
static const char *put_words(char **place, const char *words, size_t length) {
  char *begin = *place;
  memcpy(begin, words, length);
  begin[length] = '\0';
  *place += length + 1;
  return begin;
}

/* One argument, "const T *name" with any white space; T in the program's own names becomes OpenCL's. */
static closs_kernel_argument read_argument(const char *text, size_t length, bool is_double, char **place) {
  char type[96] = "";
  size_t used = 0;
  while (length > 0 && isspace((unsigned char)*text)) {
    text++, length--;
  }
  size_t stem = length;
  while (stem > 0 && (isalnum((unsigned char)text[stem - 1]) || text[stem - 1] == '_')) {
    stem--;
  }
  for (size_t i = 0; i < stem && used + 16 < sizeof type;) {
    if (strncmp(text + i, "closs_real", 10) == 0) {
      used += (size_t)sprintf(type + used, "%s", is_double ? "double" : "float");
      i += 10;
    } else if (strncmp(text + i, "closs_value", 11) == 0) {
      used += (size_t)sprintf(type + used, "%s", is_double ? "double8" : "float16");
      i += 11;
    } else if (isspace((unsigned char)text[i])) {
      while (i < stem && isspace((unsigned char)text[i])) {
        i++;
      }
      if (i < stem) {
        type[used++] = ' ';
      }
    } else {
      type[used++] = text[i++];
    }
  }
  closs_kernel_argument argument;
  argument.type = put_words(place, type, used);
  argument.name = put_words(place, text + stem, length - stem);
  return argument;
}

/* Reads the head of a kernel from the text, so that what is told is what is compiled. */
static void read_kernel(closs_offline *offline, const char *body, bool is_double, char **place) {
  size_t number = offline->source.kernel_count++;
  closs_kernel_info *kernel = &offline->kernels[number];
  char head[CLOSS_PREFIX], name[CLOSS_PREFIX + 16];
  int length = snprintf(name, sizeof name, "%s%s", offline->prefix, body);
  snprintf(head, sizeof head, "void closs_%s(", body);
  kernel->name = put_words(place, name, (size_t)length);
  kernel->arguments = offline->arguments[number];
  const char *at = strstr(offline->text, head) + strlen(head);
  for (bool more = true; more && kernel->argument_count < CLOSS_MAX_KERNEL_ARGUMENTS;) {
    size_t size = strcspn(at, ",)");
    offline->arguments[number][kernel->argument_count++] = read_argument(at, size, is_double, place);
    more = at[size] == ',';
    at += size + 1;
  }
}

closs_status closs_offline_make(const closs_allocator *allocator, const closs_program_spec *spec, bool fp64,
                                closs_offline *offline, closs_error *error) {
  closs_source source;
  memset(offline, 0, sizeof *offline);
  closs_offline_name(spec, offline->name);
  closs_offline_prefix(spec, fp64, offline->prefix);
  closs_source_make(spec, fp64, &source);
  closs_status status = make_text(allocator, spec, &source, offline, error);
  if (status != CLOSS_OK) {
    return status;
  }
  const size_t room = CLOSS_MAX_KERNELS * CLOSS_MAX_KERNEL_ARGUMENTS * 64;
  offline->words = closs_allocate(allocator, room);
  if (offline->words == NULL) {
    closs_offline_release(allocator, offline);
    return closs_fail(error, CLOSS_OUT_OF_MEMORY, "no memory for the list of kernels (%zu bytes)", room);
  }
  char *place = offline->words;
  for (int i = 0; i < CLOSS_BODY_COUNT; i++) {
    if (spec->bodies & closs_bodies[i].body) {
      read_kernel(offline, closs_bodies[i].name, closs_variant_at(spec->variant)->arithmetic == CLOSS_F64, &place);
    }
  }
  offline->source.kernels = offline->kernels;
  return CLOSS_OK;
}

void closs_offline_release(const closs_allocator *allocator, closs_offline *offline) {
  closs_release(allocator, offline->text);
  closs_release(allocator, offline->words);
  offline->text = offline->words = NULL;
}
