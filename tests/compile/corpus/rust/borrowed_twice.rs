pub fn swap_in(words: &mut Vec<String>) {
    let first = &words[0];
    words.push(String::new());
    println!("{first}");
}
