#include "colours.h"

int red = RED;
