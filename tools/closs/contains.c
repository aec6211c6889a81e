#include "contains.h"

#include <ctype.h>
#include <string.h>

bool contains(const char *text, const char *part) {
  const size_t length = strlen(part);
  for (; strlen(text) >= length; text++) {
    size_t same = 0;
    while (same < length && tolower((unsigned char)text[same]) == tolower((unsigned char)part[same]))
      same++;
    if (same == length) return true;
  }
  return false;
}
