#include "program/source.h"

#include <stdio.h>
#include <string.h>

#define CONTIGUOUS true
#define STRIDED false
static const closs_variant_info variants[] = {
#define CLOSS_VARIANT(NAME, name, arithmetic, storage, access, complex_operands, index_bits)                           \
  {#name, arithmetic, storage, access, complex_operands, index_bits},
#include "kernels.def"
#undef CLOSS_VARIANT
};
#undef CONTIGUOUS
#undef STRIDED

const closs_body_info closs_bodies[CLOSS_BODY_COUNT] = {
    {CLOSS_BODY_PASS, "pass"},     {CLOSS_BODY_COLUMNS, "columns"}, {CLOSS_BODY_MERGE, "merge"},
    {CLOSS_BODY_EXTEND, "extend"}, {CLOSS_BODY_PROBE, "probe"},     {CLOSS_BODY_STAGE, "stage"},
};

const closs_variant_info *closs_variant_at(closs_variant variant) {
  return &variants[variant];
}

static void add_part(closs_source *source, const char *name) {
  for (const closs_source_file *file = closs_source_files; file->name != NULL; file++) {
    if (strcmp(file->name, name) == 0) {
      source->files[source->count] = file;
      source->parts[source->count++] = file->text;
      return;
    }
  }
}

static void add_option(closs_source *source, const char *format, unsigned value) {
  size_t length = strlen(source->options);
  snprintf(source->options + length, sizeof source->options - length, format, value);
}

static void add_options(closs_source *source, const closs_program_spec *spec, bool fp64) {
  const closs_variant_info *variant = closs_variant_at(spec->variant);
  strcpy(source->options, "-cl-std=CL1.2");
  if (variant->arithmetic == CLOSS_F64) {
    add_option(source, " -DCLOSS_DOUBLE", 0);
  }
  if (fp64) {
    add_option(source, " -DCLOSS_FP64", 0);
  }
  if (variant->contiguous) {
    add_option(source, " -DCLOSS_STORAGE=%u", (unsigned)variant->storage);
  }
  if (variant->complex_operands) {
    add_option(source, " -DCLOSS_COMPLEX", 0);
  }
  if (variant->index_bits == 64) {
    add_option(source, " -DCLOSS_WIDE", 0);
  }
  if (spec->group != 0) {
    add_option(source, " -DCLOSS_GROUP=%uu", (unsigned)spec->group);
  }
  if (spec->width != 0) {
    add_option(source, " -DCLOSS_WIDTH=%u", (unsigned)spec->width);
  }
  if (spec->flags != CLOSS_ANY) {
    add_option(source, " -DCLOSS_FLAGS=%uu", (unsigned)spec->flags);
  }
}

static void add_bodies(const closs_program_spec *spec, closs_source *source) {
  for (int i = 0; i < CLOSS_BODY_COUNT; i++) {
    if (spec->bodies & closs_bodies[i].body) {
      if (closs_bodies[i].body == CLOSS_BODY_EXTEND) {
        add_part(source, "state.h");
      }
      char file[32];
      snprintf(file, sizeof file, "%s.cl", closs_bodies[i].name);
      add_part(source, file);
    }
  }
}

void closs_source_make(const closs_program_spec *spec, bool fp64, closs_source *source) {
  memset(source, 0, sizeof *source);
  add_options(source, spec, fp64);
  add_part(source, "flags.h");
  add_part(source, "prelude.cl");
  if (spec->bodies & CLOSS_BODY_PROBE) {
    add_bodies(spec, source);
    return;
  }
  char loss_file[64];
  snprintf(loss_file, sizeof loss_file, "losses/%s.cl", closs_loss_by_id(spec->loss)->name);
  bool contiguous = closs_variant_at(spec->variant)->contiguous;
  add_part(source, "sum.cl");
  add_part(source, "tiles.cl");
  add_part(source, loss_file);
  add_part(source, "access/vector.cl");
  if (!contiguous || spec->bodies & CLOSS_BODY_STAGE) {
    add_part(source, "access/layout.cl");
  }
  add_part(source, contiguous ? "access/contiguous.cl" : "access/strided.cl");
  add_part(source, "result.cl");
  add_part(source, "rows.cl");
  add_part(source, spec->group != 0 ? "schedule/groups.cl" : "schedule/lanes.cl");
  add_bodies(spec, source);
}
