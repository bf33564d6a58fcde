pub fn length() -> usize {
    "four"
}
