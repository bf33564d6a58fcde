package main

func other() {
}
