größe = "ü"; größe = = 3
