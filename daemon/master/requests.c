/* What framectl may ask for, and what is done then. */
#include "master/requests.h"

#include "master/master.h"

#include <string.h>

void request_refuse(struct peer *peer, const char *why)
{
    char text[REASON_SIZE];

    reason_note(text, why); /* it may quote what was asked */
    request_answer(peer, json_pack("{s:b, s:s}", "ok", 0, "error", text));
}

static void do_status(struct peer *peer, const char *words)
{
    (void)words;
    request_answer(peer, status_make(peer->control->master));
}

static void do_reload(struct peer *peer, const char *words)
{
    (void)words;
    peer->waits_for = WANTS_RELOAD;
    peer->deadline_ms = 0;
    master_reload(peer->control->master);
}

static void do_upgrade(struct peer *peer, const char *words)
{
    (void)words;
    peer->waits_for = WAITS_FOR_UPGRADE;
    peer->deadline_ms = 0;
    upgrade_want(peer->control->master);
}

static void do_stop(struct peer *peer, const char *words)
{
    (void)words;
    peer->waits_for = WAITS_FOR_STOP;
    peer->deadline_ms = 0;
    master_stop(peer->control->master, false);
}

static void do_logs_reopen(struct peer *peer, const char *words)
{
    (void)words;
    master_reopen_logs(peer->control->master);
    request_answer(peer, json_pack("{s:b}", "ok", 1));
}

static void do_kill_worker(struct peer *peer, const char *words)
{
    char error[REASON_SIZE];

    if (order_kill_worker(peer->control->master, words, error, sizeof(error)) < 0)
        request_refuse(peer, error);
    else
        request_answer(peer, json_pack("{s:b}", "ok", 1));
}

static void do_scale(struct peer *peer, const char *words)
{
    char error[REASON_SIZE];
    unsigned before, after;

    if (order_scale(peer->control->master, words, &before, &after, error, sizeof(error)) < 0)
        request_refuse(peer, error);
    else
        request_answer(peer, json_pack("{s:b, s:i, s:i}", "ok", 1, "before", (int)before, "after",
                                       (int)after));
}

static void drain(struct peer *peer, const char *service, bool drain)
{
    char error[REASON_SIZE];
    struct totals *totals;

    if (order_drain(peer->control->master, service, drain, &totals, error, sizeof(error)) < 0) {
        request_refuse(peer, error);
        return;
    }
    peer->totals = totals;
    peer->waits_for = drain ? WAITS_FOR_DRAIN : WAITS_FOR_RESUME;
    peer->deadline_ms = 0;
}

static void do_drain(struct peer *peer, const char *words)
{
    drain(peer, words, true);
}

static void do_resume(struct peer *peer, const char *words)
{
    drain(peer, words, false);
}

void request_check(struct peer *peer)
{
    const struct master *master = peer->control->master;
    char error[REASON_SIZE];
    int result = 0;

    if (peer->waits_for == WAITS_FOR_DRAIN)
        result = order_drained(master, peer->totals, error, sizeof(error));
    else if (peer->waits_for == WAITS_FOR_RESUME)
        result = order_resumed(master, peer->totals, error, sizeof(error));
    if (result < 0)
        request_refuse(peer, error);
    else if (result > 0)
        request_answer(peer, json_pack("{s:b}", "ok", 1));
}

static const struct {
    const char *word;
    bool command; /* changes something: not for everybody who may connect */
    bool lasts;   /* a framed that is being started already would have to be told too */
    bool waits;   /* for what comes of it, as long as that takes */
    bool takes_words;
    void (*act)(struct peer *peer, const char *words);
} requests[] = {
    {"status", false, false, false, false, do_status},
    {"reload", true, true, true, false, do_reload},
    {"upgrade", true, true, true, false, do_upgrade},
    {"stop", true, false, false, false, do_stop}, /* and there is but one */
    {"logs-reopen", true, false, false, false, do_logs_reopen},
    {"kill-worker", true, false, false, true, do_kill_worker},
    {"scale", true, true, false, true, do_scale},
    {"drain", true, true, true, true, do_drain},
    {"resume", true, true, true, true, do_resume},
};

void request_obey(struct peer *peer, const char *request)
{
    size_t length = strcspn(request, " ");
    const char *words = request[length] ? request + length + 1 : "";

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strlen(requests[i].word) != length || memcmp(requests[i].word, request, length) != 0 ||
            (request[length] && !requests[i].takes_words))
            continue;
        if (requests[i].command && peer->control->master->stopping)
            request_refuse(peer, "framed is stopping");
        else if (requests[i].lasts && upgrade_is_under_way(&peer->control->master->upgrade))
            request_refuse(peer, "an upgrade is under way: ask again when it has ended");
        else if (requests[i].command && !peer->may_command)
            request_refuse(peer,
                           "not permitted: only root, framed's own user, and the group of the "
                           "control socket may do that");
        else if (requests[i].waits && control_is_crowded(peer->control))
            request_refuse(peer, "too many wait for what they have asked: ask again later");
        else
            requests[i].act(peer, words);
        return;
    }
    request_refuse(peer, "unknown request, allowed: status, reload, upgrade, stop, logs-reopen, "
                         "kill-worker SERVICE SLOT, scale SERVICE N|+N|-N, drain SERVICE, "
                         "resume SERVICE");
}
