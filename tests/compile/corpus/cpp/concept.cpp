template <typename T>
concept Small = sizeof(T) <= 4;

template <Small T>
T same(T value) {
    return value;
}

int four = same(4);
