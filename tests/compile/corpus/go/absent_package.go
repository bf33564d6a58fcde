package main

import "example.com/colours"

func main() {
	colours.Red()
}
