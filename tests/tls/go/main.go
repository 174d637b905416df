// Servers by Go's crypto/tls and net/http, each with another fault, on free ports of 127.0.0.1:
// `tlsservers CERTS UPSTREAM` prints a line "NAME PORT" for each, then "ready", and ends with its
// stdin. UPSTREAM is the plain address behind those that have no fault.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

var certs string

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func pair(name string) tls.Certificate {
	base := filepath.Join(certs, name)
	return must(tls.LoadX509KeyPair(base+".pem", base+".key"))
}

func config(certificate string) *tls.Config {
	return &tls.Config{
		Certificates: []tls.Certificate{pair(certificate)},
		NextProtos:   []string{"h2", "http/1.1"},
	}
}

func with(base *tls.Config, change func(*tls.Config)) *tls.Config {
	change(base)
	return base
}

func clientCertificate(c *tls.Config) {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(must(os.ReadFile(filepath.Join(certs, "ca.pem"))))
	c.ClientCAs, c.ClientAuth = pool, tls.RequireAndVerifyClientCert
}

func version12(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }

func listen(name string) net.Listener {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	fmt.Println(name, listener.Addr().(*net.TCPAddr).Port)
	return listener
}

// net/http with TLS: HTTP/2 where the configuration offers it.
func web(name string, c *tls.Config) {
	server := &http.Server{Handler: http.NotFoundHandler(), TLSConfig: c, ErrorLog: quiet}
	if len(c.NextProtos) == 0 || c.NextProtos[0] != "h2" {
		server.TLSNextProto = map[string]func(*http.Server, *tls.Conn, http.Handler){}
		offers := c.NextProtos
		// ServeTLS would add what it speaks itself.
		listener := tls.NewListener(listen(name), with(c, func(c *tls.Config) { c.NextProtos = offers }))
		go server.Serve(listener)
		return
	}
	go server.ServeTLS(listen(name), "", "")
}

// A file of a data set: two rows of one dimension.
func file(name string, c *tls.Config) {
	content := []byte("\x02\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x3f\x00\x00\xc0\x3f")
	handler := func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "base.fbin", time.Unix(1, 0), bytes.NewReader(content))
	}
	server := &http.Server{Handler: http.HandlerFunc(handler), TLSConfig: c, ErrorLog: quiet}
	go server.ServeTLS(listen(name), "", "")
}

var quiet = log.New(io.Discard, "", 0)

// One connection after another to handle, each closed afterwards.
func raw(name string, handle func(net.Conn)) {
	listener := listen(name)
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer connection.Close()
				handle(connection)
			}()
		}
	}()
}

// A TLS front before a plain server.
func front(name string, c *tls.Config, upstream string) {
	c.NextProtos = []string{"h2"}
	raw(name, func(connection net.Conn) {
		encrypted := tls.Server(connection, c)
		defer encrypted.Close()
		if encrypted.Handshake() != nil {
			return
		}
		behind, err := net.Dial("tcp", upstream)
		if err != nil {
			return
		}
		defer behind.Close()
		go func() {
			io.Copy(behind, encrypted)
			behind.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(encrypted, behind)
	})
}

// A certificate for who asks by its name, as an ingress has it.
func byName() *tls.Config {
	c := config("other-name")
	ours := c.Certificates[0]
	c.Certificates = nil
	c.GetCertificate = func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		if hello.ServerName != "other.test" {
			return nil, errors.New("no such host")
		}
		return &ours, nil
	}
	return c
}

func main() {
	certs = os.Args[1]
	upstream := os.Args[2]
	front("good", config("server"), upstream)
	front("good-client-cert", with(config("server"), clientCertificate), upstream)
	front("good-other-name", byName(), upstream)
	web("web", config("server"))
	file("file", config("server"))
	web("client-cert", with(config("server"), clientCertificate))
	web("client-cert-1.2", with(with(config("server"), clientCertificate), version12))
	// As nginx does it: whoever has no certificate is told so by HTTP.
	optional := config("server")
	optional.ClientAuth = tls.RequestClientCert
	go (&http.Server{TLSConfig: optional, ErrorLog: quiet, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if len(r.TLS.PeerCertificates) == 0 {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, "<html><h1>No required SSL certificate was sent</h1></html>")
				return
			}
			http.NotFound(w, r)
		})}).ServeTLS(listen("client-cert-page"), "", "")
	web("sni", byName())
	web("http1", with(config("server"), func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }))
	web("no-alpn", with(config("server"), func(c *tls.Config) { c.NextProtos = nil }))
	for _, certificate := range []string{
		"ca-true", "self-signed", "v1", "expired", "future", "other-name", "no-name",
	} {
		web(certificate, config(certificate))
	}
	web("old-version", with(config("server"), func(c *tls.Config) {
		c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	}))
	go (&http.Server{Handler: http.NotFoundHandler()}).Serve(listen("plain"))
	front("behind-down", config("server"), "127.0.0.1:1")
	hello := func(connection net.Conn) {
		connection.SetReadDeadline(time.Now().Add(time.Minute))
		connection.Read(make([]byte, 1<<16))
	}
	raw("hang-up", hello)
	raw("reset", func(connection net.Conn) {
		hello(connection)
		connection.(*net.TCPConn).SetLinger(0)
	})
	fmt.Println("ready")
	io.Copy(io.Discard, os.Stdin)
}
