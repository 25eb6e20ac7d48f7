// The program of most images: says that it runs.
package main

import "os"

func main() { os.Stdout.WriteString("hello\n") }
