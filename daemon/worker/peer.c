/* Who has connected, for handlers that want to know. */
#include "worker/worker.h"

#include <errno.h>

int worker_introduce(const struct worker *worker, struct introduction *introduction)
{
    const struct client *client = worker->client;
    struct framed_peer *peer = &introduction->peer;
    struct sockaddr_storage name = {0};
    socklen_t length = sizeof(name);
    struct ucred credentials;
    socklen_t size = sizeof(credentials);

    if (getsockname(client->fd, (struct sockaddr *)&name, &length) < 0)
        return -errno;
    framed_address_format((const struct sockaddr *)&client->peer, client->peer_length,
                          introduction->address, sizeof(introduction->address));
    framed_address_format((const struct sockaddr *)&name, length, introduction->local,
                          sizeof(introduction->local));
    *peer = (struct framed_peer){
        .connection = client->id, .address = introduction->address, .local = introduction->local};
    if (name.ss_family == AF_UNIX &&
        getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
        peer->has_credentials = 1;
        peer->pid = credentials.pid;
        peer->uid = credentials.uid;
        peer->gid = credentials.gid;
    }
    return 0;
}
