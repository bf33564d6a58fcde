class MissingSemicolon {
    int half(int n) {
        return n / 2
    }
}
