class account {
    int balance = 0;
};

int look(const account &a) {
    return a.balance;
}
