let size = 1;
let size = 2;
