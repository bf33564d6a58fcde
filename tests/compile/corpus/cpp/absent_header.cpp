#include <colours/all>

int main() {}
