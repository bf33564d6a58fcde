const name = "half of a text;
