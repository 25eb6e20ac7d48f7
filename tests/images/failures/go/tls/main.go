// Connects to itself with TLS and trusts the roots of the image. With the argument "ca" it prints the
// certificate of the authority that signed its own, which a healthy image has among its roots.
package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// The key is the same in every run, and so is the certificate.
var (
	key       = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	authority = &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "an authority of tests"},
		NotBefore:             time.Unix(1500000000, 0),
		NotAfter:              time.Unix(4000000000, 0),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
)

func end(fd int) net.Conn {
	conn, err := net.FileConn(os.NewFile(uintptr(fd), ""))
	check(err)
	return conn
}

func main() {
	if len(os.Args) > 1 {
		cert, err := x509.CreateCertificate(rand.Reader, authority, authority, key.Public(), key)
		check(err)
		check(pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: cert}))
		return
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		DNSNames:     []string{"server.test"},
		NotBefore:    authority.NotBefore,
		NotAfter:     authority.NotAfter,
	}
	cert, err := x509.CreateCertificate(rand.Reader, server, authority, key.Public(), key)
	check(err)
	ends, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	check(err)
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	go tls.Server(end(ends[0]), config).Handshake()
	check(tls.Client(end(ends[1]), &tls.Config{ServerName: "server.test"}).Handshake())
	os.Stdout.WriteString("hello\n")
}
