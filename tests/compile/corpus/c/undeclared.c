int area(int width) {
    return width * height;
}
