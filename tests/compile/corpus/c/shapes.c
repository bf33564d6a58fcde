#include "include/shapes.h"

int area(int width, int height) {
    return width * height;
}
