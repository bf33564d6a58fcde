class Shop {
    int total() {
        return new Price(3).amount() + 1;
    }
}
