// The program of most images: prints that it runs.
package main

import "os"

func main() { os.Stdout.WriteString("hello\n") }
