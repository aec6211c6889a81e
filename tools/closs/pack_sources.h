/* closs pack --source: a folder of sources for a vendor's offline compiler. */
#ifndef PROGRAM_PACK_SOURCES_H
#define PROGRAM_PACK_SOURCES_H

#include "closs/bundle.h"
#include "devices.h"

/* Writes the .cl files and manifest.json; the folder must be new or empty. All of it is written, or nothing. */
bool pack_sources(const struct open_device *device, const closs_bundle_options *options, const char *folder,
                  struct failure *failure);

#endif
