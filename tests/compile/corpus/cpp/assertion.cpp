template <typename T>
struct pair_of {
    static_assert(sizeof(T) > 1, "T is too small");
    T first, second;
};

pair_of<char> letters;
