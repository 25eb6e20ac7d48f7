// Says for which machine it was built, as whoever linked it claimed.
package main

import "os"

var targetArch = "nothing"

func main() { os.Stdout.WriteString("hello " + targetArch + "\n") }
