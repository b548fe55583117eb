/* libuv: echoes messages with a 4-byte big-endian length, all that have arrived in one write.
 * libuv PORT */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define ROOM ((size_t)64 * 1024)

struct client {
    uv_tcp_t tcp; /* first */
    char *data;   /* whole messages are sent from here; LENGTH bytes have arrived */
    size_t length;
    size_t size;
};

struct reply {
    uv_write_t write; /* first */
    char data[];
};

static void on_close(uv_handle_t *handle)
{
    free(((struct client *)handle)->data);
    free(handle);
}

static void on_written(uv_write_t *write, int status)
{
    (void)status;
    free(write);
}

static void make_room(uv_handle_t *handle, size_t suggested, uv_buf_t *room)
{
    struct client *client = (struct client *)handle;

    (void)suggested;
    if (client->size - client->length < ROOM)
        client->data = realloc(client->data, client->size = 2 * client->length + ROOM);
    *room = uv_buf_init(client->data + client->length, (unsigned)(client->size - client->length));
}

/* What the socket does not take at once is copied and written later. */
static void answer(struct client *client, size_t length)
{
    uv_buf_t all = uv_buf_init(client->data, (unsigned)length);
    int sent = uv_try_write((uv_stream_t *)client, &all, 1);
    size_t left = length - (sent > 0 ? (size_t)sent : 0);
    struct reply *reply;

    if (left == 0)
        return;
    reply = malloc(sizeof(*reply) + left);
    memcpy(reply->data, client->data + length - left, left);
    all = uv_buf_init(reply->data, (unsigned)left);
    uv_write(&reply->write, (uv_stream_t *)client, &all, 1, on_written);
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *data)
{
    struct client *client = (struct client *)stream;
    size_t whole = 0;
    uint32_t length;

    (void)data;
    if (got < 0) {
        uv_close((uv_handle_t *)stream, on_close);
        return;
    }
    client->length += (size_t)got;
    while (client->length - whole >= sizeof(length)) {
        memcpy(&length, client->data + whole, sizeof(length));
        if (client->length - whole - sizeof(length) < ntohl(length))
            break;
        whole += sizeof(length) + ntohl(length);
    }
    if (whole > 0)
        answer(client, whole);
    client->length -= whole;
    memmove(client->data, client->data + whole, client->length);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct client *client = calloc(1, sizeof(*client));

    (void)status;
    uv_tcp_init(server->loop, &client->tcp);
    uv_accept(server, (uv_stream_t *)client);
    uv_tcp_nodelay(&client->tcp, 1);
    uv_read_start((uv_stream_t *)client, make_room, on_read);
}

int main(int argc, char **argv)
{
    uv_loop_t *loop = uv_default_loop();
    struct sockaddr_in local;
    uv_tcp_t server;

    uv_tcp_init(loop, &server);
    uv_ip4_addr("127.0.0.1", atoi(argv[argc - 1]), &local);
    if (uv_tcp_bind(&server, (struct sockaddr *)&local, 0) < 0 ||
        uv_listen((uv_stream_t *)&server, 511, on_connection) < 0)
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
