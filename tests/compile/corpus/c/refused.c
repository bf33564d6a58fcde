#ifndef TABLE_SIZE
#error "TABLE_SIZE is not set"
#endif

int table[TABLE_SIZE];
