struct lock {
    lock() = default;
    lock(const lock &) = delete;
};

lock take(lock &held) {
    return held;
}
