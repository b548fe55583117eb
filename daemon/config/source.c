#include "config/source.h"

#include "config/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What cannot be part of a bare word; NUL too, as strchr(3) finds it. */
static const char separators[] = " #\"'\t\n\r={}()+,*";

static int fail(int error, const char *text, const char **why)
{
    *why = text ? text : strerror(error);
    return -error;
}

/* As much as there is, though it may have grown since. */
static ssize_t read_all(int fd, char *text, size_t size)
{
    size_t used = 0;

    while (used < size) {
        ssize_t got = read(fd, text + used, size - used);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        used += (size_t)got;
    }
    return (ssize_t)used;
}

static int read_opened(int fd, char **text, struct stat *about, const char **why)
{
    char *bytes;
    ssize_t length;

    if (fstat(fd, about) < 0)
        return fail(errno, NULL, why);
    if (S_ISDIR(about->st_mode))
        return fail(EISDIR, "found a directory, allowed: a file", why);
    if (!S_ISREG(about->st_mode))
        return fail(EINVAL, "found no regular file, which a reload could not read again", why);
    if (about->st_size > (off_t)SOURCE_SIZE_MAX)
        return fail(EFBIG, "found more than 4 MiB, which is no configuration", why);
    if (!(bytes = malloc((size_t)about->st_size + 1)))
        return fail(ENOMEM, NULL, why);
    length = read_all(fd, bytes, (size_t)about->st_size);
    if (length < 0 || memchr(bytes, '\0', (size_t)length)) {
        free(bytes);
        return length < 0 ? fail((int)-length, NULL, why)
                          : fail(EINVAL, "found a NUL byte, allowed: text", why);
    }
    bytes[length] = '\0';
    *text = bytes;
    return 0;
}

int source_read(const char *file, char **text, struct stat *about, const char **why)
{
    /* Nothing that is opened may make the master wait, a FIFO neither. */
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int result;

    if (fd < 0)
        return fail(errno, NULL, why);
    result = read_opened(fd, text, about, why);
    close(fd);
    return result;
}

/* Where in `include("FILE")`: libconfuse leaks what it has read of a call that goes wrong. */
enum call {
    CALL_NONE,
    CALL_OPENED,
    CALL_NAMED
};

/* Deeper than anything that is right: libconfuse complains by itself. */
#define DEPTH_MAX 8
#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* A token of such a call: a byte that stands for itself, or this for a word or string. */
#define TOKEN_VALUE 'v'

struct scan {
    char *at;
    enum call call;
    size_t depth; /* open braces, and the lines where the first of them are */
    unsigned opened[DEPTH_MAX];
    unsigned line;
    bool in_word; /* the byte before AT belongs to a bare word */
    const char *file;
    struct report *report;
};

static void advance(struct scan *scan)
{
    scan->line += *scan->at++ == '\n';
}

static void blank(struct scan *scan)
{
    if (*scan->at != '\n')
        *scan->at = ' ';
    advance(scan);
}

static struct place here(const struct scan *scan)
{
    return (struct place){.file = scan->file, .line = scan->line};
}

/*
 * libconfuse puts nothing where the environment has no such name, and `user = "${ACCOUNT}"` would
 * mean root. NAME:-DEFAULT says what to put.
 */
static int check_variable(struct scan *scan)
{
    const struct place place = here(scan);
    const char *start = scan->at + 2;
    char name[256];
    size_t length;

    if (strncmp(scan->at, "${", 2) != 0)
        return 0;
    length = strcspn(start, "}");
    if (start[length] == '\0' || length >= sizeof(name))
        return 0;
    memcpy(name, start, length);
    name[length] = '\0';
    if (strstr(name, ":-") || getenv(name))
        return 0;
    report_add(scan->report, &place,
               "found \"${%s}\", which the environment does not have,"
               " allowed: a name that it has, or ${NAME:-DEFAULT}",
               name);
    return -EINVAL;
}

static int skip_string(struct scan *scan)
{
    const char quote = *scan->at;
    const struct place start = here(scan);

    for (advance(scan); *scan->at != quote; advance(scan)) {
        if (quote == '"' && check_variable(scan) < 0)
            return -EINVAL;
        if (*scan->at == '\\' && scan->at[1] != '\0')
            advance(scan);
        if (*scan->at == '\0') {
            report_add(scan->report, &start, "the string that begins here has no closing %c",
                       quote);
            return -EINVAL;
        }
    }
    advance(scan);
    return 0;
}

static int blank_comment(struct scan *scan)
{
    const struct place start = here(scan);

    while (strncmp(scan->at, "*/", 2) != 0) {
        if (*scan->at == '\0') {
            report_add(scan->report, &start, "the comment that begins here has no closing */");
            return -EINVAL;
        }
        blank(scan);
    }
    blank(scan);
    blank(scan);
    return 0;
}

static void blank_line(struct scan *scan)
{
    while (*scan->at != '\0' && *scan->at != '\n')
        blank(scan);
}

static int check_call(struct scan *scan, char token)
{
    static const char wanted[] = {[CALL_OPENED] = TOKEN_VALUE, [CALL_NAMED] = ')'};
    const struct place place = here(scan);

    if (scan->call == CALL_NONE ? token == ')' : token != wanted[scan->call]) {
        report_add(scan->report, &place,
                   "found no call as it must be, allowed: "
                   "include(\"FILE\")");
        return -EINVAL;
    }
    if (token == '(' || scan->call != CALL_NONE)
        scan->call = (enum call)((scan->call + 1) % (CALL_NAMED + 1));
    return 0;
}

/* libconfuse takes the end of a file for the end of a section. */
static void count_brace(struct scan *scan)
{
    if (*scan->at == '{') {
        if (scan->depth < DEPTH_MAX)
            scan->opened[scan->depth] = scan->line;
        scan->depth++;
    } else if (*scan->at == '}' && scan->depth > 0) {
        scan->depth--;
    }
}

static void check_braces(const struct scan *scan)
{
    const struct place place = {
        .file = scan->file,
        .line = scan->depth > 0 && scan->depth <= DEPTH_MAX ? scan->opened[scan->depth - 1] : 0};

    if (place.line > 0)
        report_add(scan->report, &place, "the { here has no closing }");
}

/* Bytes that libconfuse would drop from a bare value, without a word. */
static bool is_lost(const char *at)
{
    return *at == '*' || (*at == '+' && at[1] != '=') || (*at == '/' && strchr(separators, at[1]));
}

/* A comment, or 1: there is none at this place. */
static int scan_comment(struct scan *scan)
{
    const struct place place = here(scan);
    const bool slashes = strncmp(scan->at, "//", 2) == 0;
    const bool opens = strncmp(scan->at, "/*", 2) == 0;

    if (*scan->at != '#' && !slashes && !opens)
        return 1;
    if (scan->in_word && *scan->at == '/') {
        report_add(scan->report, &place,
                   "found \"%.2s\" within a value, which would be a comment;"
                   " put the value in quotes",
                   scan->at);
        return -EINVAL;
    }
    scan->in_word = false;
    if (opens)
        return blank_comment(scan);
    blank_line(scan);
    return 0;
}

static int scan_token(struct scan *scan)
{
    const struct place place = here(scan);
    const char byte = *scan->at;
    const bool separates = strchr(separators, byte) != NULL;
    const bool quote = byte == '"' || byte == '\'';
    const bool starts = !separates && !scan->in_word;

    if (is_lost(scan->at)) {
        report_add(scan->report, &place, "found \"%c\" outside of quotes; put the value in quotes",
                   byte);
        return -EINVAL;
    }
    if (check_variable(scan) < 0)
        return -EINVAL;
    if ((quote || starts) && check_call(scan, TOKEN_VALUE) < 0)
        return -EINVAL;
    if (strchr("(){}=,+", byte) && check_call(scan, byte) < 0)
        return -EINVAL;
    scan->in_word = !separates;
    count_brace(scan);
    if (quote)
        return skip_string(scan);
    advance(scan);
    return 0;
}

int source_prepare(char *text, const char *file, struct report *report)
{
    struct scan scan = {.at = text, .line = 1, .file = file, .report = report};
    int result = 0;

    /* Some editors begin a file with a byte order mark, which nobody sees. */
    if (strncmp(text, BYTE_ORDER_MARK, strlen(BYTE_ORDER_MARK)) == 0)
        memset(text, ' ', strlen(BYTE_ORDER_MARK));
    while (*scan.at != '\0' && result == 0) {
        result = scan_comment(&scan);
        if (result > 0)
            result = scan_token(&scan);
    }
    if (result == 0 && scan.call != CALL_NONE)
        result = check_call(&scan, '\0');
    if (result == 0)
        check_braces(&scan);
    return result;
}
