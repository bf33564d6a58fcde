class WrongType {
    int length() {
        return "four";
    }
}
