def count():
    total = 1
    global total
