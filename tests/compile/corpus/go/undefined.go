package main

func main() {
	println("größe", height)
}
