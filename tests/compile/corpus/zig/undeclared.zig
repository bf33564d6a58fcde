export fn area(width: u32) u32 {
    return width * height;
}
