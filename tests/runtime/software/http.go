// SPDX-License-Identifier: Apache-2.0
//
// An HTTP server and client as Go programs have them, with Go's own resolver and network poller.
//
//	http serve ADDRESS    prints `listening`, then `served` for each request
//	http get URL          prints the answer
package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		fail(err)
	}
	fmt.Println("listening")
	fail(http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "hello from Go")
		fmt.Println("served")
	})))
}

func get(url string) {
	response, err := http.Get(url)
	if err != nil {
		fail(err)
	}
	io.Copy(os.Stdout, response.Body)
}

func main() {
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2])
	case "get":
		get(os.Args[2])
	}
}
