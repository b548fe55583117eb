/*
 * A handler of the codec record that does what its messages say; written against framed-record(5)
 * and nothing of framed. Its arguments say how it starts:
 *
 *     recorder [--silent | --asleep | --fail TEXT | --print TEXT | --ready-after MS]
 *
 * A message "!COMMAND [ARGUMENT]" is a command, any other is its own reply. What it is told beside
 * messages it tells on standard error.
 */
#include <err.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD 16
#define BODY_MAX (1 << 20)
#define HELD_MAX 2048

enum {
    HELLO = 1,
    OPEN,
    MESSAGE,
    CANCEL,
    CLOSE,
    STOP,
    READY = 17,
    FAILED,
    REPLY,
    PUSH,
    HANGUP,
    LOG
};
enum {
    MORE = 1,
    ONEWAY = 1,
    MOVED = 1
};

struct head {
    uint32_t length; /* of the body */
    uint8_t type;
    uint8_t flags;
    uint16_t status;
    uint32_t connection;
    uint32_t request;
};

/* Requests without an answer as yet; a deaf one gets none even when it is cancelled. */
static struct held {
    struct head head;
    bool deaf;
    char text[64];
} held[HELD_MAX];
static size_t held_count;
static char introduction[4096];
static char greeting[4096];

static uint32_t get(const uint8_t *at, int bytes)
{
    uint32_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | *at++;
    return value;
}

static void put(uint8_t *at, int bytes, uint32_t value)
{
    while (bytes-- > 0) {
        at[bytes] = (uint8_t)value;
        value >>= 8;
    }
}

static void send_all(const struct head *head, const void *body, size_t length)
{
    static uint8_t bytes[HEAD + BODY_MAX];
    size_t size = HEAD + length;

    put(bytes, 4, (uint32_t)(HEAD - 4 + length));
    bytes[4] = head->type;
    bytes[5] = head->flags;
    put(bytes + 6, 2, head->status);
    put(bytes + 8, 4, head->connection);
    put(bytes + 12, 4, head->request);
    memcpy(bytes + HEAD, body, length);
    for (size_t at = 0; at < size;) {
        ssize_t written = write(STDOUT_FILENO, bytes + at, size - at);

        if (written < 0)
            err(1, "write");
        at += (size_t)written;
    }
}

static void send_text(uint8_t type, uint8_t flags, uint16_t status, const struct head *to,
                      const char *text)
{
    struct head head = {.type = type, .flags = flags, .status = status};

    if (to)
        head.connection = to->connection;
    if (to && type == REPLY)
        head.request = to->request;
    send_all(&head, text, strlen(text));
}

static void reply(const struct head *to, const char *text)
{
    send_text(REPLY, 0, 0, to, text);
}

static void hold(const struct head *head, const char *text, bool deaf)
{
    struct held *slot = &held[held_count++];

    *slot = (struct held){.head = *head, .deaf = deaf};
    snprintf(slot->text, sizeof(slot->text), "%s", text);
}

/* Answers what is held, the newest first. */
static void release(void)
{
    while (held_count > 0) {
        held_count--;
        reply(&held[held_count].head, held[held_count].text);
    }
}

static void more(const struct head *head, const char *argument)
{
    int count = atoi(argument);
    char text[32];

    for (int i = 1; i <= count; i++) {
        snprintf(text, sizeof(text), "%d", i);
        send_text(REPLY, i < count ? MORE : 0, 0, head, text);
    }
}

static void misaddress(const struct head *head)
{
    struct head other = *head;

    other.request += 1024;
    reply(&other, "to nobody");
}

static void fill(const struct head *head, const char *argument)
{
    static char text[BODY_MAX];
    struct head answer = *head;

    memset(text, 'x', sizeof(text));
    answer.type = REPLY;
    answer.flags = 0;
    send_all(&answer, text, (size_t)atoi(argument));
}

static void obey(const struct head *head, const char *command, const char *argument)
{
    char text[32];

    if (strcmp(command, "hold") == 0) {
        hold(head, argument, false);
    } else if (strcmp(command, "deaf") == 0) {
        hold(head, argument, true);
    } else if (strcmp(command, "release") == 0) {
        release();
        reply(head, "released");
    } else if (strcmp(command, "after") == 0) {
        usleep((useconds_t)atoi(argument) * 1000);
        reply(head, argument);
    } else if (strcmp(command, "more") == 0) {
        more(head, argument);
    } else if (strcmp(command, "fill") == 0) {
        fill(head, argument);
    } else if (strcmp(command, "push") == 0) {
        send_text(PUSH, 0, 0, head, argument);
        reply(head, "pushed");
    } else if (strcmp(command, "push-to") == 0) {
        send_text(PUSH, 0, 0, &(struct head){.connection = (uint32_t)atoi(argument)}, "stray");
        reply(head, "pushed");
    } else if (strcmp(command, "hangup") == 0) {
        reply(head, "bye");
        send_text(HANGUP, 0, 0, head, "");
    } else if (strcmp(command, "error") == 0) {
        send_text(REPLY, 0, 7, head, argument);
    } else if (strcmp(command, "part-error") == 0) {
        send_text(REPLY, MORE, 0, head, "part");
        send_text(REPLY, 0, 7, head, argument);
    } else if (strcmp(command, "log") == 0) {
        send_text(LOG, 0, 5, NULL, argument);
        reply(head, "logged");
    } else if (strcmp(command, "hello") == 0) {
        reply(head, greeting);
    } else if (strcmp(command, "who") == 0) {
        reply(head, introduction);
    } else if (strcmp(command, "pid") == 0) {
        snprintf(text, sizeof(text), "%d", (int)getpid());
        reply(head, text);
    } else if (strcmp(command, "twice") == 0) {
        reply(head, "once");
        reply(head, "twice");
    } else if (strcmp(command, "misaddress") == 0) {
        misaddress(head);
    } else if (strcmp(command, "print") == 0) {
        printf("%s\n", argument);
        fflush(stdout);
    } else if (strcmp(command, "die") == 0) {
        raise(SIGKILL);
    } else if (strcmp(command, "give-up") == 0) {
        send_text(FAILED, 0, 0, NULL, argument);
    } else {
        errx(1, "what is \"%s\"?", command);
    }
}

static void on_message(const struct head *head, char *body)
{
    char *argument = strchr(body, ' ');

    if (head->flags & ONEWAY) {
        fprintf(stderr, "one-way %u %s\n", head->request, body);
        return;
    }
    if (body[0] != '!') {
        struct head answer = *head;

        answer.type = REPLY;
        answer.flags = 0;
        send_all(&answer, body, head->length);
        return;
    }
    if (argument)
        *argument++ = '\0';
    obey(head, body + 1, argument ? argument : "");
}

/* What was held is answered all the same: nobody waits for it. */
static void on_cancel(const struct head *head)
{
    fprintf(stderr, "cancel\n");
    for (size_t i = 0; i < held_count; i++)
        if (held[i].head.request == head->request && !held[i].deaf) {
            reply(&held[i].head, "late");
            held[i] = held[--held_count];
            return;
        }
}

/* NAME=VALUE pairs as one line. */
static void keep_pairs(char *text, const char *body, size_t length)
{
    for (size_t i = 0; i < length; i++)
        text[i] = body[i] ? body[i] : ' ';
    text[length ? length - 1 : 0] = '\0';
}

static void start(char **arguments)
{
    const char *how = arguments[1] ? arguments[1] : "";

    if (strcmp(how, "--silent") == 0)
        return;
    if (strcmp(how, "--fail") == 0)
        send_text(FAILED, 0, 0, NULL, arguments[2]);
    else if (strcmp(how, "--print") == 0)
        obey(&(struct head){0}, "print", arguments[2]);
    else if (strcmp(how, "--ready-after") == 0)
        usleep((useconds_t)atoi(arguments[2]) * 1000);
    send_text(READY, 0, 0, NULL, "");
    if (strcmp(how, "--asleep") == 0)
        pause();
}

static bool read_all(void *data, size_t length)
{
    return fread(data, 1, length, stdin) == length;
}

int main(int argc, char **argv)
{
    static char body[BODY_MAX + 1];
    uint8_t bytes[HEAD];

    (void)argc;
    while (read_all(bytes, HEAD)) {
        struct head head = {.length = get(bytes, 4) - (HEAD - 4),
                            .type = bytes[4],
                            .flags = bytes[5],
                            .status = (uint16_t)get(bytes + 6, 2),
                            .connection = get(bytes + 8, 4),
                            .request = get(bytes + 12, 4)};

        if (head.length > BODY_MAX || !read_all(body, head.length))
            errx(1, "a broken record");
        body[head.length] = '\0';
        if (head.type == HELLO) {
            keep_pairs(greeting, body, head.length);
            start(argv);
        } else if (head.type == OPEN) {
            keep_pairs(introduction, body, head.length);
        } else if (head.type == MESSAGE) {
            on_message(&head, body);
        } else if (head.type == CANCEL) {
            on_cancel(&head);
        } else if (head.type == CLOSE) {
            fprintf(stderr, "close %u%s\n", head.status, head.flags & MOVED ? " moved" : "");
        } else if (head.type == STOP) {
            fprintf(stderr, "stop\n");
        }
    }
    return 0;
}
