/* What the stories of the codec record share: one service, one worker, the handler `recorder`. */
#ifndef FRAMED_TESTS_RECORDS_H
#define FRAMED_TESTS_RECORDS_H

#include "support/client.h"
#include "support/daemon.h"
#include "support/process.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/until.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* HANDLER is what follows the codec in `handler { }`, MORE what follows that. */
#define RECORDS_OF(command, handler, more)                                                         \
    "service it { listen = \"unix:$DIR/x.sock\" framing = line workers { max = 1 }\n"              \
    "handler { command = {" command "} codec = record " handler " }\n" more "\n}\n"
#define RECORDER "\"$HANDLERS/recorder\""
#define RECORDS(handler, more) RECORDS_OF(RECORDER, handler, more)

static inline int records_connect(void)
{
    return raw_connect("unix:$DIR/x.sock");
}

/* A connection of its own asks for TEXT and gets REPLY. */
static inline void records_once(const char *text, const char *reply)
{
    client_once("unix:$DIR/x.sock", "line", text, reply);
}

/* The pid of the handler that serves FD. */
static inline int records_pid(int fd)
{
    char text[16];
    size_t length = 0;

    raw_send_text(fd, "!pid\n");
    while (length < sizeof(text) && read(fd, text + length, 1) == 1 && text[length] != '\n')
        length++;
    text[length < sizeof(text) ? length : 0] = '\0';
    return atoi(text);
}

#endif
