package main

func first[T any](items []T) T {
	return items[0]
}

func main() {
	println(first([]int{1}))
}
