#include "faults/chaos/chaos.h"

#include "support/daemon.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define QUIET_WORKERS 2
/* All that harm can delay is over long before the patience of a test: by default a worker that
 * is stopped for good is left alone for half a minute. */
#define DEADLINES "deadlines { request = 1s write = 2s drain = 3s start = 5s frame = 5s }\n"

const struct chaos_service services[SERVICES] = {
    {.name = "echo", .listen = "tcp:127.0.0.1:0", .handler = "builtin = echo"},
    {.name = "lines",
     .listen = "unix:$DIR/lines.sock",
     .handler = "command = {\"$HANDLERS/scripted\"} settle = 20ms",
     .lines = true,
     .program = true},
    {.name = "module",
     .listen = "unix:$DIR/module.sock",
     .handler = "module = \"$HANDLERS/stuck.so\""},
    {.name = "frames",
     .listen = "tcp:127.0.0.1:0",
     .handler =
         "command = {\"$HANDLERS/scripted\", \"--frame\"} codec = frame batch = 8 settle = 20ms",
     .program = true,
     .batch = 8},
    {.name = "once",
     .listen = "unix:$DIR/once.sock",
     .handler = "builtin = echo",
     .lines = true,
     .once = true},
};

char addresses[SERVICES][128];
/* Where they listen by configuration: after the master's death, where it was. */
static const char *listens[SERVICES];

struct draft {
    char text[6000];
    size_t length;
};

static void add(struct draft *draft, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct draft *draft, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    draft->length += (size_t)vsnprintf(draft->text + draft->length,
                                       sizeof(draft->text) - draft->length, format, arguments);
    va_end(arguments);
}

static void add_limits(struct draft *draft, struct random *random)
{
    switch (random_below(random, 6)) {
    case 0:
        add(draft, " max_requests = %u", random_between(random, 1, 50));
        break;
    case 1:
        add(draft, " max_lifetime = %ums", random_between(random, 100, 2000));
        break;
    default:
        break;
    }
}

static void add_pool(struct draft *draft, struct random *random)
{
    static const char *const idles[] = {"auto", "hold", "keep"};
    unsigned max = random_between(random, 1, 4);

    switch (random_below(random, 3)) {
    case 0:
        add(draft, "mode = dynamic min = 1 max = %u spare_min = 1 spare_max = %u", max, max);
        break;
    case 1:
        add(draft, "mode = ondemand max = %u idle_exit = %ums", max,
            random_between(random, 20, 500));
        break;
    default:
        add(draft, "max = %u", max);
        break;
    }
    if (random_percent(random, 60))
        add(draft, " connections = %u idle = %s", random_between(random, 2, 40),
            idles[random_below(random, 3)]);
}

/* RANDOM draws the pools; NULL: quiet ones. */
static void add_services(struct draft *draft, struct random *random)
{
    add(draft, "log = \"file:$DIR/log\"\nlog_level = debug\n");
    for (unsigned i = 0; i < SERVICES; i++) {
        const struct chaos_service *service = &services[i];

        add(draft, "service %s { listen = \"%s\" framing = %s handler { %s }\n", service->name,
            listens[i] ? listens[i] : service->listen, service->lines ? "line" : "u32be",
            service->handler);
        add(draft, "limits { backlog = 2000 }\n" DEADLINES "workers { ");
        if (random)
            add_pool(draft, random);
        else
            add(draft, "max = %u connections = 8", QUIET_WORKERS);
        if (service->once)
            add(draft, " max_requests = 1");
        else if (random)
            add_limits(draft, random);
        add(draft, " } }\n");
    }
    if (random && random_percent(random, 30))
        add(draft,
            "service guest { listen = {\"unix:$DIR/guest.sock\", \"tcp:127.0.0.1:0\"}\n"
            "handler { builtin = echo }\n" DEADLINES "workers { max = %u } }\n",
            random_between(random, 1, 3));
}

static void write_configuration(struct random *random, const char *more)
{
    struct draft draft = {.length = 0};

    add_services(&draft, random);
    add(&draft, "%s", more);
    daemon_configure(draft.text);
}

void services_configure(struct random *random)
{
    write_configuration(random, "");
}

void services_configure_quiet(void)
{
    write_configuration(NULL, "");
}

const char *services_spoil(struct random *random)
{
    /* $TAKEN is a socket that somebody else listens at. */
    static const struct {
        const char *what;
        const char *text;
    } faults[] = {
        {"a bad file", "service spoilt { listen = \n"},
        {"an unknown key", "service spoilt { lisp = yes }\n"},
        {"a handler that fails",
         "service spoilt { listen = \"unix:$DIR/spoilt.sock\" handler {\n"
         "command = {\"$HANDLERS/scripted\", \"--fail\", \"no\"} settle = 5s } }\n"},
        {"a missing module", "service spoilt { listen = \"unix:$DIR/spoilt.sock\" handler {\n"
                             "module = \"$HANDLERS/nowhere.so\" } }\n"},
        {"a missing program", "service spoilt { listen = \"unix:$DIR/spoilt.sock\" handler {\n"
                              "command = {\"$HANDLERS/nowhere\"} } }\n"},
        {"an address that is taken",
         "service spoilt { listen = \"unix:$DIR/taken.sock\" handler { builtin = echo } }\n"},
        {"a file that is no socket",
         "service spoilt { listen = \"unix:$DIR/framed.conf\" handler { builtin = echo } }\n"},
    };
    unsigned which = random_below(random, sizeof(faults) / sizeof(faults[0]));

    write_configuration(random, faults[which].text);
    return faults[which].what;
}

void services_start(void)
{
    struct draft draft = {.length = 0};

    add_services(&draft, NULL);
    daemon_start(draft.text);
    for (unsigned i = 0; i < SERVICES; i++)
        snprintf(addresses[i], sizeof(addresses[i]), "%s", daemon_address(services[i].name, 0));
}

void services_start_again(void)
{
    struct draft draft = {.length = 0};

    for (unsigned i = 0; i < SERVICES; i++)
        listens[i] = addresses[i];
    add_services(&draft, NULL);
    daemon_start(draft.text);
}

unsigned service_find(const char *name, size_t length)
{
    unsigned i = 0;

    while (i < SERVICES &&
           (strlen(services[i].name) != length || memcmp(services[i].name, name, length) != 0))
        i++;
    return i;
}
