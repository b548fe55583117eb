/*
 * A handler that does what the message says, for the tests of what framed makes of it: a message
 * that begins with `!` is an order, every other is its own reply.
 *
 *     scripted [--frame] [--deaf] [--fail TEXT]
 *
 * --frame: a 4-byte big-endian length before each message instead of a line feed behind it; --deaf:
 * neither the end of standard input nor SIGTERM ends it; --fail: says TEXT on standard error and
 * leaves with status 3 at once.
 */
#include <dirent.h>
#include <endian.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Whatever goes wrong, none of these stays. */
#define LIFE_SECONDS 120
/* Its cgroup allows less. */
#define EATEN_MAX ((size_t)2048 * 1024 * 1024)
#define BITE ((size_t)1024 * 1024)
#define FLOOD_BYTES ((size_t)4 << 20)

static bool frame;
static bool deaf;

static void reply(const char *data, size_t length)
{
    uint32_t head = htobe32((uint32_t)length);

    if (frame)
        fwrite(&head, sizeof(head), 1, stdout);
    fwrite(data, 1, length, stdout);
    if (!frame)
        putchar('\n');
    fflush(stdout);
}

static void reply_text(const char *text)
{
    reply(text, strlen(text));
}

static void wait_for_ever(void)
{
    for (;;)
        pause();
}

static void do_twice(const char *rest)
{
    (void)rest;
    reply_text("one");
    reply_text("one too many");
}

/* The same in one write. */
static void do_pair(const char *rest)
{
    static const char pair[] = "one\none too many\n";

    (void)rest;
    if (write(STDOUT_FILENO, pair, sizeof(pair) - 1) < 0)
        _exit(EXIT_FAILURE);
}

/* The reply at once, the line too many only when the next client may be there. */
static void do_late(const char *rest)
{
    reply_text("in time");
    usleep((useconds_t)strtol(rest, NULL, 10) * 1000);
    reply_text("one too many");
}

static void do_die(const char *rest)
{
    _exit((int)strtol(rest, NULL, 10));
}

static void do_half(const char *rest)
{
    (void)rest;
    fputs("half a repl", stdout);
    fflush(stdout);
    _exit(EXIT_FAILURE);
}

static void do_never(const char *rest)
{
    (void)rest;
    wait_for_ever();
}

static void do_mute(const char *rest)
{
    (void)rest;
    close(STDOUT_FILENO);
    wait_for_ever();
}

static void do_flood(const char *rest)
{
    (void)rest;
    for (size_t i = 0; i < FLOOD_BYTES / 64; i++)
        fprintf(stderr, "flood %57zu\n", i);
    reply_text("flooded");
}

static void do_slow(const char *rest)
{
    usleep((useconds_t)strtol(rest, NULL, 10) * 1000);
    reply_text("slow");
}

/* As long as asked for, and not at once: its reply leaves before the next message is handled. */
static void do_long(const char *rest)
{
    static char text[FLOOD_BYTES];
    size_t length = (size_t)strtoul(rest, NULL, 10);

    usleep(5000);
    memset(text, 'x', sizeof(text));
    reply(text, length < sizeof(text) ? length : sizeof(text));
}

static void do_pid(const char *rest)
{
    char text[32];

    (void)rest;
    snprintf(text, sizeof(text), "%d", (int)getpid());
    reply_text(text);
}

/* The descriptors that are open here, but for the one that looks. */
static void do_descriptors(const char *rest)
{
    DIR *folder = opendir("/proc/self/fd");
    const struct dirent *entry;
    bool open_here[64] = {false};
    char text[256] = "";

    (void)rest;
    while (folder && (entry = readdir(folder)))
        if (entry->d_name[0] != '.' && (int)strtol(entry->d_name, NULL, 10) < 64)
            open_here[(int)strtol(entry->d_name, NULL, 10)] = true;
    for (int fd = 0; folder && fd < 64; fd++)
        if (open_here[fd] && fd != dirfd(folder))
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d", text[0] ? " " : "",
                     fd);
    if (folder)
        closedir(folder);
    reply_text(text);
}

/* All the memory there is. */
static void do_eat(const char *rest)
{
    for (size_t eaten = 0; eaten < EATEN_MAX; eaten += BITE) {
        char *bite = mmap(NULL, BITE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (bite == MAP_FAILED)
            break;
        memset(bite, 1, BITE);
    }
    reply_text("sated");
    (void)rest;
}

static const struct {
    const char *word;
    void (*act)(const char *rest);
} orders[] = {
    {"!pair", do_pair}, {"!twice", do_twice}, {"!late", do_late}, {"!die", do_die},
    {"!half", do_half}, {"!never", do_never}, {"!mute", do_mute}, {"!flood", do_flood},
    {"!slow", do_slow}, {"!long", do_long},   {"!pid", do_pid},   {"!descriptors", do_descriptors},
    {"!eat", do_eat},
};

static void obey(char *message, size_t length)
{
    for (size_t i = 0; message[0] == '!' && i < sizeof(orders) / sizeof(orders[0]); i++) {
        size_t word = strlen(orders[i].word);

        if (length >= word && strncmp(message, orders[i].word, word) == 0) {
            orders[i].act(message + word);
            return;
        }
    }
    reply(message, length);
}

/* The next message, terminated, into *MESSAGE, which grows; its length, or -1 at the end. */
static ssize_t next(char **message, size_t *size)
{
    ssize_t length;

    if (frame) {
        uint32_t head;

        if (fread(&head, sizeof(head), 1, stdin) != 1)
            return -1;
        length = be32toh(head);
        if (*size <= (size_t)length && !(*message = realloc(*message, *size = (size_t)length + 1)))
            return -1;
        if (fread(*message, 1, (size_t)length, stdin) != (size_t)length)
            return -1;
    } else {
        length = getline(message, size, stdin);
        if (length > 0 && (*message)[length - 1] == '\n')
            length--;
    }
    if (length >= 0)
        (*message)[length] = '\0';
    return length;
}

int main(int argc, char **argv)
{
    char *message = NULL;
    size_t size = 0;
    ssize_t length;

    alarm(LIFE_SECONDS);
    for (int i = 1; i < argc; i++) {
        frame = frame || strcmp(argv[i], "--frame") == 0;
        deaf = deaf || strcmp(argv[i], "--deaf") == 0;
        if (strcmp(argv[i], "--fail") == 0) {
            fprintf(stderr, "%s\n", i + 1 < argc ? argv[i + 1] : "failed");
            return 3;
        }
    }
    if (deaf)
        signal(SIGTERM, SIG_IGN);
    while ((length = next(&message, &size)) >= 0)
        obey(message, (size_t)length);
    if (deaf)
        wait_for_ever();
    free(message);
    return EXIT_SUCCESS;
}
