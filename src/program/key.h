/* Keys: a text of a few lines that names all that a kept program, or a device's class, depends on. */
#ifndef CLOSS_PROGRAM_KEY_H
#define CLOSS_PROGRAM_KEY_H

#include "device/context.h"
#include "program/programs.h"

/*
 * The key of a program of the context's device: closs's version; the names and versions of platform, device and driver;
 * the compiler's options; and the SHA-256 of the text that it is compiled from, which stands for the text: nobody can
 * make two texts of one SHA-256, and all texts are closs's own. From the context's allocator; NULL without memory.
 */
char *closs_key_program(const closs_context *context, const closs_program_spec *spec);

/* The key of the device's class, which depends on what the probe runs. */
char *closs_key_class(const closs_context *context);

/* "l1 contiguous_f32 pass merge": what a program is, for people. `size` bytes of room. */
void closs_key_variant(const closs_program_spec *spec, char *text, size_t size);

/* The rest of the line of a key that begins with `name` and a space; its length, 0 where there is none. */
size_t closs_key_line(const char *key, size_t key_size, const char *name, const char **line);

#endif
