// Prints the time in another time zone.
package main

import (
	"os"
	"time"
)

func main() {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("hello " + time.Unix(0, 0).In(zone).String() + "\n")
}
