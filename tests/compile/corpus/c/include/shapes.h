#ifndef SHAPES_H
#define SHAPES_H

int area(int width, int height);

#endif
