// The same in C++.
#include "user.c"
