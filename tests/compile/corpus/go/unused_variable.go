package main

func main() {
	spare := 3
}
