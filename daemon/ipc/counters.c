#include "ipc/counters.h"

static const char *const words[] = {
    [COUNTER_CONNECTIONS] = "connections",
    [COUNTER_MESSAGES] = "messages",
    [COUNTER_REPLIES] = "replies",
    [COUNTER_BYTES_IN] = "bytes_in",
    [COUNTER_BYTES_OUT] = "bytes_out",
    [COUNTER_DISCARDED] = "discarded",
    [COUNTER_ERROR_REPLIES] = "error_replies",
    [COUNTER_HANDLER_FAULTS] = "handler_faults",
    [COUNTER_MOVED_IN] = "moved_in",
    [COUNTER_MOVED_OUT] = "moved_out",
    [CLOSE_CLIENT] = "client",
    [CLOSE_DRAIN] = "drain",
    [CLOSE_HANGUP] = "hangup",
    [CLOSE_REPLIED] = "replied",
    [CLOSE_REJECTED] = "rejected",
    [CLOSE_EVICTED] = "evicted",
    [CLOSE_IDLE] = "idle",
    [CLOSE_FRAME] = "frame",
    [CLOSE_REQUEST] = "request",
    [CLOSE_WRITE] = "write",
    [CLOSE_OVERSIZE] = "oversize",
    [CLOSE_UNDERSIZE] = "undersize",
    [CLOSE_MALFORMED] = "malformed",
    [CLOSE_BAD_MAGIC] = "bad_magic",
    [CLOSE_BAD_TRAILER] = "bad_trailer",
    [CLOSE_BAD_TYPE] = "bad_type",
    [CLOSE_TRUNCATED] = "truncated",
    [CLOSE_REFUSED] = "refused",
    [CLOSE_RESET] = "reset",
    [CLOSE_HANDLER_DIED] = "handler_died",
    [CLOSE_HANDLER_PROTOCOL] = "handler_protocol",
    [CLOSE_HANDLER_FAILED] = "handler_failed",
    [CLOSE_REPLY] = "reply",
    [CLOSE_STOP] = "stop",
    [CLOSE_MEMORY] = "memory",
    [CLOSE_WORKER_DIED] = "worker_died",
};

_Static_assert(sizeof(words) / sizeof(words[0]) == COUNTER_COUNT, "each counter has a word");

const char *counter_word(enum counter counter)
{
    return counter < COUNTER_COUNT ? words[counter] : "unknown";
}
