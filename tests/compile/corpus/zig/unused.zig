export fn one() u32 {
    const spare = 3;
    return 1;
}
