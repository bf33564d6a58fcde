int outer(int n) {
    if (n > 0) {
        int n = 2;
        return n;
    }
    return n;
}
