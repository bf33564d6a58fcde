int length(void) {
    int n = "four";
    return n;
}
