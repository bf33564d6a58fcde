class Outdated {
    Integer boxed() {
        return new Integer(3);
    }
}
