name = "half of a text
