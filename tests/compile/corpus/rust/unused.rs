pub fn one() -> i32 {
    let spare = 3;
    1
}
