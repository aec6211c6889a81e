/* Preloaded: a driver that sets the locale of the process to the environment's, as libraries should not. */
#include <locale.h>
#include <stdlib.h>

__attribute__((constructor)) static void set_locale(void) {
  setlocale(LC_ALL, "");
  unsetenv("LD_PRELOAD"); /* no driver is loaded into the programs that this one starts */
}
