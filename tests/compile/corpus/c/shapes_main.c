#include "include/shapes.h"

int main(void) {
    return area(3, 4) - 12;
}
