int grow() {
    const int size = 3;
    size = 4;
    return size;
}
