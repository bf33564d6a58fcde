struct shape {
    virtual ~shape();
    virtual int area() const;
};

int main() {
    shape s;
    return s.area();
}
