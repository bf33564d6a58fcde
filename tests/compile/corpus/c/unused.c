int one(void) {
    int spare = 3;
    return 1;
}
