/* closs pack --spirv: the programs as SPIR-V modules, by clang and llvm-spirv. */
#ifndef PROGRAM_PACK_SPIRV_H
#define PROGRAM_PACK_SPIRV_H

#include "closs/bundle.h"
#include "devices.h"

/* Whether the device takes what is made below; asked before anything is compiled. */
bool pack_spirv_taken(const struct open_device *device, struct failure *failure);

/* Compiles one source. The image's bytes are from malloc(). */
bool pack_spirv_module(const closs_offline_source *source, closs_image *image, struct failure *failure);

/*
 * Compiles the sources of the options. The array and the bytes of its images are from malloc(), and the caller's also
 * on failure.
 */
bool pack_spirv(const struct open_device *device, const closs_bundle_options *options, closs_image **images,
                size_t *image_count, struct failure *failure);

#endif
