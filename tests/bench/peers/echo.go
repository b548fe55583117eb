// Go: echoes messages with a 4-byte big-endian length, a goroutine for each connection.
package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
)

func serve(connection net.Conn) {
	defer connection.Close()
	in := bufio.NewReaderSize(connection, 64*1024)
	out := bufio.NewWriterSize(connection, 64*1024)
	var message []byte
	for {
		header, err := in.Peek(4)
		if err != nil {
			return
		}
		size := 4 + int(binary.BigEndian.Uint32(header))
		if cap(message) < size {
			message = make([]byte, size)
		}
		if _, err = io.ReadFull(in, message[:size]); err != nil {
			return
		}
		out.Write(message[:size])
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(connection)
	}
}
