struct point {
    int column;
    int row;
};

int first(struct point *p) {
    return p->colunm;
}
