// Reads archives with archive/tar and prints the results, in the form that facts.rs parses.
//
// The names of the archives come from standard input, one per line. For each archive, the program prints
// its name, a line for each entry, and the final status.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"sort"
	"strings"
)

// contentLimit is the size up to which the content of an entry is read.
const contentLimit = 1 << 20

func main() {
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	names := bufio.NewScanner(os.Stdin)
	for names.Scan() {
		fmt.Fprintf(out, "archive %s\n", names.Text())
		data, err := os.ReadFile(names.Text())
		if err != nil {
			panic(err)
		}
		content := sha256.New()
		if err := readFile(names.Text(), data, out, content); err != nil {
			fmt.Fprintf(out, "error %s\n", strings.ReplaceAll(err.Error(), "\n", " "))
		} else {
			fmt.Fprintf(out, "end %x\n", content.Sum(nil))
		}
	}
}

// readFile reads an archive, which is compressed if its name ends with ".gz". Like container engines, it
// also reads the bytes after the end of the archive, which are part of the digest.
func readFile(name string, data []byte, out io.Writer, content io.Writer) error {
	var r io.Reader = bytes.NewReader(data)
	if strings.HasSuffix(name, ".gz") {
		var err error
		if r, err = gzip.NewReader(r); err != nil {
			return err
		}
	}
	if err := read(r, out, content); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, r)
	return err
}

// read prints the entries of an archive, and writes the contents of regular files to content, one after
// the other.
func read(r io.Reader, out io.Writer, content io.Writer) error {
	// A stream without Seek, like one from a registry.
	tr := tar.NewReader(struct{ io.Reader }{r})
	for {
		h, err := tr.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if h.Typeflag == tar.TypeXGlobalHeader {
			continue // as moby and containerd do
		}
		to := io.Discard
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeCont, tar.TypeGNUSparse:
			to = content
		}
		if h.Size <= contentLimit {
			if _, err := io.Copy(to, tr); err != nil {
				return err
			}
		}
		xattrs := []string{"x"}
		for name, value := range h.Xattrs {
			xattrs = append(xattrs, hex.EncodeToString([]byte(name))+"="+hex.EncodeToString([]byte(value)))
		}
		sort.Strings(xattrs[1:])
		fmt.Fprintf(out, "entry %d n%x l%x %d %o %d %d %d %d %d %d %s\n", h.Typeflag, h.Name, h.Linkname,
			h.Size, h.Mode&07777, h.Uid, h.Gid, h.ModTime.Unix(), h.ModTime.Nanosecond(),
			h.Devmajor, h.Devminor, strings.Join(xattrs, ","))
	}
}
