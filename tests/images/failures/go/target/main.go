// Prints the machine that it was built for, as claimed by the linker's flags.
package main

import "os"

var targetArch = "nothing"

func main() { os.Stdout.WriteString("hello " + targetArch + "\n") }
