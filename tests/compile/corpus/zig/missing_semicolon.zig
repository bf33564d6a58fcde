export fn half(n: u32) u32 {
    return n / 2
}
