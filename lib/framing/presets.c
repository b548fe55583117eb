/* The framings that have a name: each is a text in the language that users write theirs in. */
#include "framing/parse.h"

static const struct framed_preset presets[] = {
    {"u8", "length:be1", "length (1 byte), payload"},
    {"u16be", "length:be2", "length (2 bytes, big-endian), payload"},
    {"u16le", "length:le2", "length (2 bytes, little-endian), payload"},
    {"u24be", "length:be3", "length (3 bytes, big-endian), payload"},
    {"u24le", "length:le3", "length (3 bytes, little-endian), payload"},
    {"u32be", "length:be4", "length (4 bytes, big-endian), payload"},
    {"u32le", "length:le4", "length (4 bytes, little-endian), payload"},
    {"u64be", "length:be8", "length (8 bytes, big-endian), payload"},
    {"u64le", "length:le8", "length (8 bytes, little-endian), payload"},
    {"i32be", "length:be4,signed=yes", "length (4 bytes, big-endian, not negative), payload"},
    {"netstring", "length:decimal,end=:,trailer=\\c", "length (decimal digits), ':', payload, ','"},
    {"octet-count", "length:decimal,end=\\s", "length (decimal digits), space, payload (RFC 6587)"},
    {"ascii4", "length:decimal4", "length (4 decimal digits), payload"},
    {"ascii5", "length:decimal5", "length (5 decimal digits), payload"},
    {"hex4", "length:hex4", "length (4 hexadecimal digits), payload"},
    {"pkt-line", "length:hex4,counts=frame,marks=2,strip=none",
     "length of all (4 hexadecimal digits; 0000 to 0002 alone), payload: git, whole frames"},
    {"varint", "length:varint", "length (varint of up to 5 bytes), payload: protobuf"},
    {"ber", "length:ber", "tag, length, contents (BER, definite lengths), whole frames"},
    {"line", "delimited:\\n,strip_cr=yes", "payload, LF; one CR before the LF is dropped"},
    {"crlf", "delimited:\\r\\n", "payload, CR LF"},
    {"nul", "delimited:\\0", "payload, NUL"},
    {"blank-line", "delimited:\\n\\n,or=\\r\\n\\r\\n", "lines, an empty line"},
    {"eof", "eof", "payload, end of the stream"},
    {"whois", "line,reply=(eof)", "a line; the reply ends with the connection"},
    {"finger", "crlf,or=\\n,reply=(eof)", "a line; the reply ends with the connection (RFC 1288)"},
    {"syslog", "typed:0-9=(octet-count),<=(line)",
     "octet-count when a digit comes first, line when '<' does (RFC 6587)"},
    {"netconf", "delimited:]]>]]>", "payload, ']]>]]>' (RFC 6242, NETCONF 1.0)"},
    {"netconf-chunked",
     "chunked:(length:decimal,end=\\n,offset=2,magic=\\n#,zero=reject),last=\\n##\\n",
     "chunks of LF, '#', length, LF, data; then LF, '##', LF (NETCONF 1.1)"},
    {"dns", "u16be", "length (2 bytes, big-endian), payload: DNS over TCP (RFC 7766)"},
    {"kafka", "i32be,zero=reject",
     "length (4 bytes, big-endian, not negative), payload, not empty"},
    {"thrift", "i32be", "length (4 bytes, big-endian, not negative), payload: TFramedTransport"},
    {"spop", "u32be", "length (4 bytes, big-endian), payload: HAProxy's agents"},
    {"milter", "u32be,zero=reject", "length (4 bytes, big-endian), command and data, not empty"},
    {"ssh-agent", "u32be,zero=reject", "length (4 bytes, big-endian), type and data, not empty"},
    {"native-messaging", "length:native4", "length (4 bytes, the machine's order), JSON: browsers"},
    {"multiprocessing", "i32be",
     "length (4 bytes, big-endian, not negative), payload: Python's connections"},
    {"postfix-policy", "blank-line", "lines, an empty line: Postfix's policy services"},
    {"adb", "hex4", "length (4 hexadecimal digits), payload: adb's host services"},
    {"tpkt", "length:be2,offset=2,counts=frame,magic=\\x03\\0",
     "3, 0, length of all (2 bytes, big-endian), payload (RFC 1006)"},
    {"sunrpc", "chunked:(length:be4,mask=0x7fffffff,strip=payload),last_bit=0x80",
     "fragments: last bit and length (31 bits, big-endian), payload (RFC 5531)"},
    {"postgres", "length:be4,offset=1,adjust=-4,first=(length:be4,counts=frame,strip=none)",
     "type, length of itself and the payload (4 bytes), payload; the first without type"},
    {"mysql", "length:le3,header=4", "length (3 bytes, little-endian), sequence, payload, whole"},
    {"mqtt", "length:varint4,offset=1", "type, length (varint of up to 4 bytes), payload, whole"},
    {"amqp", "length:be4,offset=3,trailer=\\xce,first=(fixed:8)",
     "type, channel, length (4 bytes), payload, 0xce, whole frames; a preface of 8 bytes first"},
    {"fastcgi", "length:be2,offset=4,header=8,pad_at=6",
     "header of 8 bytes with length at 4 and padding at 6, whole frames"},
    {"uwsgi", "length:le2,offset=1,header=4,reply=(eof)",
     "modifier, length (2 bytes, little-endian), modifier, payload; the reply ends with the "
     "connection"},
    {"memcached", "length:be4,offset=8,header=24", "header of 24 bytes with length at 8, whole"},
    {"zabbix", "length:le4,offset=5,header=13,magic=ZBXD\\x01",
     "'ZBXD', 1, length (4 bytes, little-endian), 4 bytes, payload, whole frames"},
    {"x11", "length:native2,offset=2,unit=4,counts=frame",
     "opcode, data, length of all in units of 4 bytes (2 bytes), payload, whole frames"},
    {"socks",
     "typed:at=3,\\x01=(fixed:10),\\x03=(length:be1,offset=4,adjust=2,strip=none),\\x04=(fixed:22),"
     "first=(length:be1,offset=1,strip=none),reply=(raw)",
     "method selection, then requests by their type of address (RFC 1928), whole frames"},
    {NULL, NULL, NULL},
};

const struct framed_preset *framed_presets(void)
{
    return presets;
}

const char *framed_preset_text(struct framed_text name)
{
    for (const struct framed_preset *preset = presets; preset->name; preset++)
        if (framed_text_is(name, preset->name))
            return preset->text;
    return NULL;
}
