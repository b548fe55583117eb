/* Serving: every message gets its own reply, in order, whole. */
#include "support/client.h"
#include "support/daemon.h"
#include "support/load.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define ECHO(more)                                                                                 \
    "service echo { listen = \"unix:$DIR/x.sock\" handler { builtin = echo } " more " }\n"

/* COUNT messages before the first reply is asked for. */
static void pipeline(const char *framing, unsigned count)
{
    struct framed_client *client = client_open("unix:$DIR/x.sock", framing);
    char text[32];

    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "message %u", i);
        ck_assert_int_eq(framed_client_send(client, text, strlen(text)), FRAMED_OK);
    }
    for (unsigned i = 0; i < count; i++) {
        snprintf(text, sizeof(text), "message %u", i);
        client_receive(client, text);
    }
    framed_client_free(client);
}

START_TEST(pipelined_messages_are_answered_in_order)
{
    daemon_start(ECHO(""));
    pipeline("u32be", 100000);
    status_wait_counter("echo", "messages", 100000);
    status_wait_counter("echo", "replies", 100000);
}
END_TEST

START_TEST(handlers_replies_keep_their_order)
{
    daemon_start("service echo { listen = \"unix:$DIR/x.sock\" framing = line\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n");
    pipeline("line", 3000);
}
END_TEST

START_TEST(message_larger_than_any_buffer)
{
    const size_t size = (size_t)8 << 20;
    struct framed_client *client;
    unsigned char *message = malloc(size);
    const void *reply;
    size_t length;

    daemon_start(ECHO("limits { max_message = 8MiB max_reply = 8MiB }"));
    for (size_t i = 0; i < size; i++)
        message[i] = (unsigned char)(i * 2654435761u >> 13);
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_expect(client, "before", "before");
    ck_assert_int_eq(framed_client_call(client, message, size, &reply, &length), FRAMED_OK);
    ck_assert_uint_eq(length, size);
    ck_assert_int_eq(memcmp(reply, message, size), 0);
    client_expect(client, "after", "after");
    framed_client_free(client);
    free(message);
}
END_TEST

START_TEST(many_connections_share_four_workers)
{
    struct load load = {.style = LOAD_CONNECTION_A_MESSAGE, .framing = "u32be", .clients = 8};

    daemon_start(ECHO("workers { max = 4 }"));
    load.address = expand("unix:$DIR/x.sock");
    load_start(&load);
    load_wait(&load, 4000);
    load_stop_clean(&load);
    status_wait_counter("echo", "connections", (long long)load.answered);
    status_wait_counter("echo", "closed.client", (long long)load.answered);
}
END_TEST

START_TEST(half_closed_client_gets_its_replies)
{
    static const char messages[] = "\0\0\0\3one\0\0\0\3two\0\0\0\5three";
    int fd;

    daemon_start(ECHO(""));
    fd = raw_connect("unix:$DIR/x.sock");
    raw_send_text(fd, messages);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    raw_expect_text(fd, messages);
    ck_assert_int_eq(raw_end(fd), RAW_EOF);
    status_wait_counter("echo", "closed.client", 1);
}
END_TEST

static void use_preset(const char *name)
{
    char address[64];
    char text[201] = "";
    struct framed_client *client;

    snprintf(address, sizeof(address), "unix:$DIR/%s.sock", name);
    client = client_open(address, name);
    client_expect(client, "", "");
    client_expect(client, "x", "x");
    memset(text, 'y', sizeof(text) - 1);
    client_expect(client, text, text);
    client_send(client, "first");
    client_send(client, "");
    client_send(client, "third");
    client_receive(client, "first");
    client_receive(client, "");
    client_receive(client, "third");
    framed_client_free(client);
}

START_TEST(every_framing_end_to_end)
{
    /* Those that take any message; the others are met in tests/interop. */
    static const char *const names[] = {"u8",     "u16be",      "u16le",   "u24be",
                                        "u32be",  "u32le",      "u64be",   "netstring",
                                        "ascii5", "varint",     "line",    "crlf",
                                        "nul",    "blank-line", "hex4",    "octet-count",
                                        "tpkt",   "sunrpc",     "netconf", "netconf-chunked"};
    const size_t count = sizeof(names) / sizeof(names[0]);
    char config[8192] = "";

    for (size_t i = 0; i < count; i++)
        snprintf(config + strlen(config), sizeof(config) - strlen(config),
                 "service %s { listen = \"unix:$DIR/%s.sock\" framing = %s workers { max = 1 }\n"
                 "handler { builtin = echo } }\n",
                 names[i], names[i], names[i]);
    daemon_start(config);
    for (size_t i = 0; i < count; i++)
        use_preset(names[i]);
}
END_TEST

START_TEST(empty_messages_reach_handlers)
{
    daemon_start("service lines { listen = \"unix:$DIR/l.sock\" framing = line\n"
                 "handler { command = {\"$HANDLERS/scripted\"} } }\n"
                 "service frames { listen = \"unix:$DIR/f.sock\" framing = u32be\n"
                 "handler { command = {\"$HANDLERS/scripted\", \"--frame\"} codec = frame } }\n");
    client_once("unix:$DIR/l.sock", "line", "", "");
    client_once("unix:$DIR/f.sock", "u32be", "", "");
}
END_TEST

START_TEST(modules_answer)
{
    struct framed_client *client;

    daemon_start("service module { listen = \"unix:$DIR/x.sock\"\n"
                 "handler { module = \"$HANDLERS/stuck.so\" } }\n");
    client = client_open("unix:$DIR/x.sock", "u32be");
    client_expect(client, "hello", "hello");
    client_send(client, "!error");
    client_expect_end(client);
    framed_client_free(client);
    status_wait_counter("module", "closed.handler_failed", 1);
    client_once("unix:$DIR/x.sock", "u32be", "hello", "hello");
}
END_TEST

SUITE("serve", pipelined_messages_are_answered_in_order, handlers_replies_keep_their_order,
      message_larger_than_any_buffer, many_connections_share_four_workers,
      half_closed_client_gets_its_replies, every_framing_end_to_end, empty_messages_reach_handlers,
      modules_answer)
