void odd(void) {
    __asm__("frobnicate %eax");
}
