pub fn name() -> i32 {
    let async = 3;
    async
}
