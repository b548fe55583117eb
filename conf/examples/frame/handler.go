// Answers each message with its SHA-256, as 32 bytes.
//
//	go build handler.go
//	framed run -l tcp:127.0.0.1:7000 -F u32be --codec frame -- ./handler
//
// A message is a length of 4 bytes, big-endian, and that many bytes; so is its one answer. What goes
// to standard error is logged.
package main

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"log"
	"os"
)

func main() {
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	for {
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err == io.EOF {
			return
		} else if err != nil {
			log.Fatal(err)
		}
		hash := sha256.New()
		if _, err := io.CopyN(hash, in, int64(length)); err != nil {
			log.Fatal(err)
		}
		binary.Write(out, binary.BigEndian, uint32(hash.Size()))
		out.Write(hash.Sum(nil))
		out.Flush()
	}
}
