pub fn twice(word: String) -> (String, String) {
    (word, word)
}
