const char *name = "half of a text;
