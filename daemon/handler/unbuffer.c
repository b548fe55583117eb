#include "handler/unbuffer.h"

#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define STDBUF_WORDS 2

static char stdbuf[] = "stdbuf";
/* With codec line a reply ends with its line; the others' replies end with any byte. */
static char by_line[] = "-oL";
static char by_byte[] = "-o0";

char **unbuffer_words(const struct handler_config *handler)
{
    char *const before[STDBUF_WORDS] = {stdbuf, handler->codec == CODEC_LINE ? by_line : by_byte};
    size_t count = handler->unbuffer == UNBUFFER_STDBUF ? STDBUF_WORDS : 0;
    size_t length = 0;
    char **words;

    while (handler->command[length])
        length++;
    words = calloc(count + length + 1, sizeof(*words));
    if (!words)
        return NULL;
    for (size_t i = 0; i < count; i++)
        words[i] = before[i];
    for (size_t i = 0; i < length; i++)
        words[count + i] = handler->command[i];
    return words;
}

/* No echo, no signals, no translation of line ends: binary passes. */
static int make_raw(int fd)
{
    struct termios mode;

    if (tcgetattr(fd, &mode) < 0)
        return -errno;
    cfmakeraw(&mode);
    return tcsetattr(fd, TCSANOW, &mode) < 0 ? -errno : 0;
}

/* The other end comes by ioctl and not by its name: nothing under /dev/pts need be seen from here.
 */
int unbuffer_open_terminal(int *ours, int *theirs)
{
    *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (*ours < 0 || unlockpt(*ours) < 0)
        return -errno;
    *theirs = ioctl(*ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    return *theirs < 0 ? -errno : make_raw(*theirs);
}
