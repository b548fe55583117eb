#include "handler/pairs.h"

#include <framed/address.h>
#include <framed/module.h>

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* "tcp:127.0.0.1:80", "tcp:[::1]:80", taken apart. */
struct endpoint {
    char ip[FRAMED_ADDRESS_TEXT_SIZE];
    const char *port;
    bool v6;
};

void pairs_add(struct pairs *pairs, const char *name, const char *value)
{
    size_t room = sizeof(pairs->text) - pairs->length;
    int wanted = snprintf(pairs->text + pairs->length, room, "%s=%s", name, value);

    if (wanted >= 0 && (size_t)wanted < room)
        pairs->length += (size_t)wanted + 1;
}

void pairs_add_number(struct pairs *pairs, const char *name, uint64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
    pairs_add(pairs, name, text);
}

/* False for what is not of TCP, such as the peer of a probe. */
static bool split(const char *address, struct endpoint *endpoint)
{
    static const char tcp[] = "tcp:";
    const char *host = address + sizeof(tcp) - 1;
    const char *colon = strrchr(address, ':');

    if (strncmp(address, tcp, sizeof(tcp) - 1) != 0 || colon < host)
        return false;
    endpoint->v6 = host[0] == '[';
    endpoint->port = colon + 1;
    snprintf(endpoint->ip, sizeof(endpoint->ip), "%.*s",
             (int)(colon - host) - (endpoint->v6 ? 2 : 0), host + endpoint->v6);
    return true;
}

/* Programs look for the names that PROTO tells of; those that know no IPv6 take the plain ones. */
static void add_tcp(struct pairs *pairs, const struct endpoint *remote,
                    const struct endpoint *local)
{
    pairs_add(pairs, "PROTO", local->v6 ? "TCP6" : "TCP");
    pairs_add(pairs, "TCPREMOTEIP", remote->ip);
    pairs_add(pairs, "TCPREMOTEPORT", remote->port);
    pairs_add(pairs, "TCPLOCALIP", local->ip);
    pairs_add(pairs, "TCPLOCALPORT", local->port);
    if (!local->v6)
        return;
    pairs_add(pairs, "TCP6REMOTEIP", remote->ip);
    pairs_add(pairs, "TCP6REMOTEPORT", remote->port);
    pairs_add(pairs, "TCP6LOCALIP", local->ip);
    pairs_add(pairs, "TCP6LOCALPORT", local->port);
}

/* The path of "unix:/run/x.sock"; empty where there is none. */
static const char *path_of(const char *address)
{
    return strncmp(address, "unix:", 5) == 0 ? address + 5 : "";
}

void pairs_add_peer(struct pairs *pairs, const struct framed_peer *peer)
{
    struct endpoint remote;
    struct endpoint local;

    if (split(peer->local, &local) && split(peer->address, &remote)) {
        add_tcp(pairs, &remote, &local);
    } else {
        pairs_add(pairs, "PROTO", "UNIX");
        pairs_add(pairs, "UNIXLOCALPATH", path_of(peer->local));
    }
    if (peer->has_credentials) {
        pairs_add_number(pairs, "UNIXREMOTEPID", (uint64_t)peer->pid);
        pairs_add_number(pairs, "UNIXREMOTEEUID", peer->uid);
        pairs_add_number(pairs, "UNIXREMOTEEGID", peer->gid);
    }
    pairs_add_number(pairs, "FRAMED_CONNECTION", peer->connection);
}

void pairs_add_cgi(struct pairs *pairs, const struct framed_peer *peer)
{
    struct endpoint remote;
    struct endpoint local;
    char name[FRAMED_ADDRESS_TEXT_SIZE + 2];

    if (!split(peer->local, &local) || !split(peer->address, &remote)) {
        if (path_of(peer->address)[0] != '\0') /* as systemd does it */
            pairs_add(pairs, "REMOTE_ADDR", path_of(peer->address));
        return;
    }
    pairs_add(pairs, "REMOTE_ADDR", remote.ip);
    pairs_add(pairs, "REMOTE_HOST", remote.ip); /* no name is looked up */
    pairs_add(pairs, "REMOTE_PORT", remote.port);
    pairs_add(pairs, "SERVER_ADDR", local.ip);
    snprintf(name, sizeof(name), local.v6 ? "[%s]" : "%s", local.ip);
    pairs_add(pairs, "SERVER_NAME", name);
    pairs_add(pairs, "SERVER_PORT", local.port);
}
