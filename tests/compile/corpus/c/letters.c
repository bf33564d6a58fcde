const char *word(void) { const char *größe = "größe"; return größe + laenge; }
