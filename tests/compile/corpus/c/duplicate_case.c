enum colour { RED = 1, GREEN, BLUE };

int mix(enum colour c) {
    switch (c) {
    case RED:
        return 1;
    case RED:
        return 2;
    }
    return 0;
}
