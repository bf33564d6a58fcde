unsafe extern "C" {
    fn no_such_function_anywhere() -> i32;
}

fn main() {
    std::process::exit(unsafe { no_such_function_anywhere() });
}
