record Point(int column, int row) {
}
