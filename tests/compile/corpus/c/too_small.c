_Static_assert(sizeof(int) == 1, "an int has one byte");
