PATTERN = "\d+"
