int size(void) {
    return 1;
}

int size(void) {
    return 2;
}
