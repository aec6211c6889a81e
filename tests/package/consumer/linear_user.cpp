// The same in C++.
#include "linear_user.c"
