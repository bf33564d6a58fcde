void paint(int);
void paint(const char *);

struct brush {};

void work() {
    paint(brush{});
}
