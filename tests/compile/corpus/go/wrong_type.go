package main

func length() int {
	return "four"
}

func main() {
	length()
}
