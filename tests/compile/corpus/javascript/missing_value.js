const half = (n) => n / 2;
const ready = ;
