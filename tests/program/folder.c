#include "folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

int folder_start(void **state) {
  (void)state;
  strcpy(folder, "/tmp/closs-test-XXXXXX");
  return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

int folder_end(void **state) {
  char command[128];
  (void)state;
  snprintf(command, sizeof command, "rm -rf %s", folder);
  return chdir("/") != 0 || system(command) != 0;
}
