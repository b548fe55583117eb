/* What somebody speaks who speaks something else. */
#include <framed/framing.h>

#include <string.h>

static const struct {
    const char *name;
    const char *start;
    size_t length;
} starts[] = {
#define STARTS(name, text)                                                                         \
    {                                                                                              \
        (name), (text), sizeof(text) - 1                                                           \
    }
    STARTS("HTTP", "GET "),
    STARTS("HTTP", "POST "),
    STARTS("HTTP", "HEAD "),
    STARTS("HTTP", "PUT "),
    STARTS("HTTP", "DELETE "),
    STARTS("HTTP", "OPTIONS "),
    STARTS("HTTP", "PATCH "),
    STARTS("HTTP", "CONNECT "),
    STARTS("HTTP", "HTTP/1."),
    STARTS("HTTP/2", "PRI * HTTP/2.0"),
    STARTS("TLS", "\x16\x03"),
    STARTS("SSH", "SSH-"),
    STARTS("PROXY protocol", "PROXY "),
    STARTS("PROXY protocol version 2", "\r\n\r\n\0\r\nQUIT\n"),
    STARTS("SMTP", "EHLO "),
    STARTS("SMTP", "HELO "),
    STARTS("Redis", "*1\r\n$"),
    STARTS("AMQP", "AMQP\0"),
    STARTS("JSON", "{\""),
};

const char *framed_guess(const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (length >= starts[i].length && memcmp(data, starts[i].start, starts[i].length) == 0)
            return starts[i].name;
    return NULL;
}
