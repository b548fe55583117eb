/* libevent's bufferevents: echoes messages with a 4-byte big-endian length. libevent PORT */
#include <err.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>

static void on_read(struct bufferevent *client, void *context)
{
    struct evbuffer *in = bufferevent_get_input(client);
    uint32_t length;

    (void)context;
    while (evbuffer_copyout(in, &length, sizeof(length)) == sizeof(length) &&
           evbuffer_get_length(in) >= sizeof(length) + ntohl(length))
        evbuffer_remove_buffer(in, bufferevent_get_output(client), sizeof(length) + ntohl(length));
}

static void on_event(struct bufferevent *client, short events, void *context)
{
    (void)context;
    if (events & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(client);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
                      int length, void *base)
{
    struct bufferevent *client = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    int on = 1;

    (void)listener, (void)peer, (void)length;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    bufferevent_setcb(client, on_read, NULL, on_event, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct event_base *base = event_base_new();

    local.sin_port = htons((uint16_t)atoi(argv[argc - 1]));
    if (!evconnlistener_new_bind(base, on_accept, base, LEV_OPT_REUSEABLE, 511,
                                 (struct sockaddr *)&local, sizeof(local)))
        err(1, "listen");
    return event_base_dispatch(base);
}
