// Looks up a user; without cgo, in /etc/passwd.
package main

import (
	"os"
	"os/user"
)

func main() {
	found, err := user.Lookup("app")
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("hello " + found.Uid + "\n")
}
