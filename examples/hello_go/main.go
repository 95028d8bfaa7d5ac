// Hello_go is the smallest guest in Go that asks its host for something: it reads the file that its argument names.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"omnisandbox"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: hello_go FILE")
		os.Exit(2)
	}
	content, err := omnisandbox.FSReadText(os.Args[1])
	if errors.Is(err, omnisandbox.ErrDenied) {
		fmt.Fprintln(os.Stderr, "hello_go: the policy says no:", err)
		os.Exit(1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hello_go:", err)
		os.Exit(1)
	}
	firstLine, _, _ := strings.Cut(content, "\n")
	fmt.Printf("Hello! %s has %d bytes and begins:\n%s\n", os.Args[1], len(content), firstLine)
}
