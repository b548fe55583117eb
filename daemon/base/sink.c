#include "base/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

typedef bool put_line(int level, const char *line, size_t length);

static put_line put_file;

static struct {
    enum log_target target;
    put_line *put;
    int fd;
    char *file;
    bool journal;
    bool cut;     /* the last line has no end */
    int relay[2]; /* see put_relay() */
} sink = {LOG_TARGET_STDERR, put_file, STDERR_FILENO, NULL, false, false, {-1, -1}};

/* A file, or what was opened without blocking. A disk that has just become full takes a part of a
 * line: that one is lost, and must not run into the next. */
static bool put_file(int level, const char *line, size_t length)
{
    ssize_t put;

    (void)level;
    if (sink.cut && write(sink.fd, "\n", 1) < 0)
        return false;
    put = write(sink.fd, line, length);
    sink.cut = put > 0 && (size_t)put < length;
    return put >= 0 && !sink.cut;
}

static bool put_socket(int level, const char *line, size_t length)
{
    (void)level;
    return send(sink.fd, line, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/*
 * A pipe that blocks, and that is somebody else's, so that it can be neither changed nor opened
 * anew. splice(2) out of a pipe of our own does not wait for room in it, whoever else writes there.
 */
static bool put_relay(int level, const char *line, size_t length)
{
    char scrap[PIPE_BUF];

    (void)level;
    if (write(sink.relay[1], line, length) < 0)
        return false;
    if (splice(sink.relay[0], NULL, sink.fd, NULL, length, SPLICE_F_NONBLOCK) >= 0)
        return true;
    while (read(sink.relay[0], scrap, sizeof(scrap)) > 0)
        ;
    return false;
}

/* What is left: asked before, which is no promise. */
static bool put_polled(int level, const char *line, size_t length)
{
    struct pollfd taker = {.fd = sink.fd, .events = POLLOUT};

    return poll(&taker, 1, 0) == 1 && (taker.revents & POLLOUT) && put_file(level, line, length);
}

static int connect_syslog(void)
{
    static const struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int result = fd;

    if (fd < 0 || connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
        result = -errno;
        if (fd >= 0)
            close(fd);
    }
    return result;
}

/* As syslog(3) writes it, which may wait for ever when syslog is busy. */
static bool put_syslog(int level, const char *line, size_t length)
{
    time_t now = time(NULL);
    struct tm local;
    char stamp[32];
    char head[96];
    struct iovec parts[] = {{.iov_base = head}, {.iov_len = length}};
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};

    localtime_r(&now, &local);
    strftime(stamp, sizeof(stamp), "%b %e %T", &local);
    parts[0].iov_len = (size_t)snprintf(
        head, sizeof(head), "<%d>%s framed[%d]: ", LOG_DAEMON | level, stamp, (int)getpid());
    memcpy(&parts[1].iov_base, &line, sizeof(line)); /* sending only reads */
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd;

        if (sendmsg(sink.fd, &message, MSG_NOSIGNAL) >= 0)
            return true;
        /* It was started anew: its socket is another one. */
        if ((errno != ECONNREFUSED && errno != ENOTCONN) || (fd = connect_syslog()) < 0)
            return false;
        close(sink.fd);
        sink.fd = fd;
    }
    return false;
}

/* FIFOs and terminals as well; a FIFO that nobody reads is an error. */
static int open_file(const char *file)
{
    int fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);

    return fd < 0 ? -errno : fd;
}

static void close_relay(void)
{
    for (int i = 0; i < 2; i++) {
        if (sink.relay[i] >= 0)
            close(sink.relay[i]);
        sink.relay[i] = -1;
    }
}

/* One of our own: after a fork the parent's would mix its lines with ours. */
static put_line *relay_or_poll(void)
{
    int flags = fcntl(STDERR_FILENO, F_GETFL);

    close_relay();
    if (flags < 0 || (flags & O_APPEND) || pipe2(sink.relay, O_CLOEXEC | O_NONBLOCK) < 0)
        return put_polled;
    return put_relay;
}

/*
 * Standard error is shared with whoever started us, and must stay as it is for them; so a pipe or a
 * terminal is opened once more, for us alone, without blocking. Once we are somebody else that
 * would fail, so what was opened is kept.
 */
static int open_stderr(put_line **put)
{
    const int flags = O_WRONLY | O_APPEND | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
    bool again = sink.target == LOG_TARGET_STDERR && sink.fd > STDERR_FILENO;
    struct stat status;
    int fd;

    *put = put_file;
    if (again)
        return sink.fd;
    if (fstat(STDERR_FILENO, &status) < 0 || S_ISREG(status.st_mode))
        return STDERR_FILENO;
    if (S_ISSOCK(status.st_mode)) {
        *put = put_socket;
        return STDERR_FILENO;
    }
    fd = open("/proc/self/fd/2", flags);
    /* Whoever became somebody else may still open the terminal that they were started from. */
    if (fd < 0 && tcgetsid(STDERR_FILENO) == getsid(0))
        fd = open("/dev/tty", flags);
    if (fd >= 0)
        return fd;
    *put = S_ISFIFO(status.st_mode) ? relay_or_poll() : put_polled;
    return STDERR_FILENO;
}

/* systemd names the journal's stream in the environment, as device and inode of our stderr. */
static bool stderr_is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char ours[64];
    struct stat status;

    if (!stream || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(ours, sizeof(ours), "%llu:%llu", (unsigned long long)status.st_dev,
             (unsigned long long)status.st_ino);
    return strcmp(stream, ours) == 0;
}

static void use(int fd)
{
    if (sink.fd > STDERR_FILENO && sink.fd != fd)
        close(sink.fd);
    sink.cut = sink.cut && sink.fd == fd;
    sink.fd = fd;
}

static int open_target(enum log_target target, const char *file, put_line **put)
{
    *put = target == LOG_TARGET_FILE ? put_file : put_syslog;
    if (target == LOG_TARGET_FILE)
        return open_file(file);
    return target == LOG_TARGET_SYSLOG ? connect_syslog() : open_stderr(put);
}

int sink_open(enum log_target target, const char *file)
{
    char *copy = target == LOG_TARGET_FILE ? strdup(file) : NULL;
    put_line *put;
    int fd;

    if (target == LOG_TARGET_FILE && !copy)
        return -ENOMEM;
    fd = open_target(target, file, &put);
    if (fd < 0) {
        free(copy);
        return fd;
    }
    use(fd);
    free(sink.file);
    sink.file = copy;
    sink.target = target;
    sink.put = put;
    sink.journal = target == LOG_TARGET_STDERR && stderr_is_journal();
    if (put != put_relay)
        close_relay();
    return 0;
}

int sink_reopen(void)
{
    int fd;

    if (sink.target != LOG_TARGET_FILE)
        return 0;
    fd = open_file(sink.file);
    if (fd < 0)
        return fd;
    use(fd);
    return 0;
}

int sink_file(void)
{
    return sink.target == LOG_TARGET_FILE ? sink.fd : -1;
}

void sink_adopt(int fd)
{
    if (sink.target == LOG_TARGET_FILE)
        use(fd);
    else
        close(fd);
}

bool sink_put(int level, const char *line, size_t length)
{
    return sink.put(level, line, length);
}

bool sink_is_journal(void)
{
    return sink.journal;
}

enum log_target sink_target(void)
{
    return sink.target;
}

size_t sink_descriptors(int descriptors[SINK_DESCRIPTORS])
{
    const int all[SINK_DESCRIPTORS] = {sink.fd, sink.relay[0], sink.relay[1]};
    size_t count = 0;

    for (size_t i = 0; i < SINK_DESCRIPTORS; i++)
        if (all[i] > STDERR_FILENO)
            descriptors[count++] = all[i];
    return count;
}
