use colours::Red;

pub fn red() -> Red {
    Red
}
