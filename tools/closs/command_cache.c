/* closs cache */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "closs/cache.h"
#include "commands.h"
#include "devices.h"
#include "json.h"

/* How an entry is told. */
struct listing {
  struct json *json; /* NULL: as text */
  bool silent;
};

static void print_entry(void *user, const closs_cache_entry *entry) {
  const struct listing *listing = user;
  const time_t used = (time_t)entry->used;
  struct tm at;
  char text[32] = "";
  if (gmtime_r(&used, &at) != NULL) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &at);
  if (listing->json != NULL) {
    json_open(listing->json, NULL, '{');
    json_string(listing->json, "device", entry->device);
    json_string(listing->json, "variant", entry->variant);
    json_unsigned(listing->json, "bytes", entry->bytes);
    json_string(listing->json, "used", text);
    json_close(listing->json, '}');
  } else if (!listing->silent) {
    printf("%s\t%s\t%llu\t%s\n", entry->device, entry->variant, (unsigned long long)entry->bytes, text);
  }
}

/* The folder's name, what is in it, and how large that is. */
static bool print_all(const char *folder, bool as_json, bool entries, struct failure *failure) {
  struct json json = json_begin(stdout);
  struct listing listing = {as_json ? &json : NULL, !entries};
  closs_error error;
  uint64_t bytes = 0;
  /* Asked before anything is printed: a failure prints no half list. */
  if (folder[0] != 0 && closs_cache_list(folder, NULL, NULL, &bytes, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  if (as_json) {
    json_open(&json, NULL, '{');
    json_string(&json, "path", folder[0] != 0 ? folder : NULL);
    json_unsigned(&json, "bytes", bytes);
    json_open(&json, "entries", '[');
  }
  if (folder[0] != 0) closs_cache_list(folder, print_entry, &listing, NULL, NULL);
  if (as_json) {
    json_close(&json, ']');
    json_close(&json, '}');
    putchar('\n');
  }
  return true;
}

bool command_cache(const struct arguments *arguments, struct failure *failure) {
  char folder[CACHE_PATH];
  closs_error error;
  const char *what = arguments->operand_count > 0 ? arguments->operands[0] : NULL;
  bool path = what != NULL && strcmp(what, "path") == 0, list = what != NULL && strcmp(what, "list") == 0;
  bool clear = what != NULL && strcmp(what, "clear") == 0;
  if (!path && !list && !clear)
    return failure_set(failure, STATUS_USAGE, "closs cache: %s%s%s; expected path, list or clear",
                       what != NULL ? "'" : "", what != NULL ? what : "nothing to do", what != NULL ? "'" : "");
  if (arguments->operand_count > 1)
    return failure_set(failure, STATUS_USAGE, "closs cache %s: unexpected '%s'", what, arguments->operands[1]);
  if (!cache_folder(folder, failure)) return false;
  if (folder[0] == 0)
    fprintf(stderr, "closs: no disk cache: $CLOSS_CACHE is 0, or neither $HOME nor $XDG_CACHE_HOME is set\n");
  if (clear && folder[0] != 0 && closs_cache_clear(folder, &error) != CLOSS_OK)
    return failure_set_closs(failure, &error);
  if (path && folder[0] != 0 && !arguments->json) puts(folder);
  return (path && !arguments->json) || print_all(folder, arguments->json, list, failure);
}
