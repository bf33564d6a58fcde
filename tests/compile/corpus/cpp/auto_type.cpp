int count() {
    auto n = 3;
    return n;
}
