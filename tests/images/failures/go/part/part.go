// Package part is compiled into build caches.
package part

// Answer is the same everywhere.
func Answer() int { return 42 }
