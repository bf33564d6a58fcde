export fn length() u32 {
    return "four";
}
