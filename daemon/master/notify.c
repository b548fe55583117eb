/* What systemd hears of us (sd_notify(3)). */
#include "master/master.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>

#ifdef HAVE_LIBSYSTEMD
#include <systemd/sd-daemon.h>
#else
/* Without libsystemd nobody listens. */
static int sd_notify(int unset, const char *state)
{
    (void)unset;
    (void)state;
    return 0;
}
#endif

#define STATUS_SIZE (REASON_SIZE + 256)

/* One line for people; systemd wants no newline in it. */
static void describe(const struct master *master, char *text, size_t size)
{
    size_t services = master->current ? master->current->service_count : 0;
    unsigned ready = 0;
    int length;

    for (size_t i = 0; i < services; i++)
        ready += master->current->services[i].ready;
    length = snprintf(text, size, "STATUS=%zu services, %u workers, generation %" PRIu64, services,
                      ready, master->generation_number);
    if (master->last_error[0])
        snprintf(text + length, size - (size_t)length, "; last reload failed: %s",
                 master->last_error);
    for (; *text; text++)
        if (*text == '\n')
            *text = ' ';
}

void notify_ready(const struct master *master)
{
    char text[STATUS_SIZE + 16] = "READY=1\n";

    describe(master, text + 8, sizeof(text) - 8);
    sd_notify(0, text);
}

void notify_reloading(void)
{
    char text[128];

    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
             clock_ns() / 1000);
    sd_notify(0, text);
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1\nSTATUS=Stopping: finishing what is in flight");
}

void notify_status(const struct master *master)
{
    char text[STATUS_SIZE];

    describe(master, text, sizeof(text));
    sd_notify(0, text);
}
