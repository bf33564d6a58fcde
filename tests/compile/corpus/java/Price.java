class Price {
    private final int amount;

    Price(int amount) {
        this.amount = amount;
    }

    int amount() {
        return amount;
    }
}
