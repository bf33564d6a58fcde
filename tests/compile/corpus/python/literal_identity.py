def is_one(n):
    return n is 1
