// Answers each name of a host with its addresses: many requests at a time; see framed-record(5).
//
//	go build handler.go
//	framed run -l tcp:127.0.0.1:7000 -F line --codec record -- ./handler
package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"strings"
)

const message, ready, reply = 3, 17, 19

func answer(record []byte) {
	addresses, err := net.LookupHost(string(record[16:]))
	if err != nil {
		log.Print(err) // to standard error, which framed logs
	}
	record = append(record[:16], strings.Join(addresses, " ")...)
	binary.BigEndian.PutUint32(record, uint32(len(record)-4))
	record[4] = reply
	os.Stdout.Write(record) // whole: what other goroutines write comes before it or after it
}

func main() {
	os.Stdout.Write([]byte{3: 12, 4: ready, 15: 0})
	in := bufio.NewReader(os.Stdin)
	for length, err := in.Peek(4); err == nil; length, err = in.Peek(4) {
		record := make([]byte, 4+binary.BigEndian.Uint32(length))
		if _, err := io.ReadFull(in, record); err == nil && record[4] == message {
			go answer(record)
		}
	}
}
