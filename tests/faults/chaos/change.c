/* Changes: of the configuration, of the log. */
#include "faults/chaos/chaos.h"

#include "support/daemon.h"
#include "support/status.h"
#include "support/until.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

/* Whether a reload went well; WHY is what framed says if not. */
static bool reload_now(char *why, size_t size)
{
    json_t *answer = control_ask("reload");
    const char *error = json_string_value(json_object_get(answer, "error"));
    bool good = json_is_true(json_object_get(answer, "ok"));

    snprintf(why, size, "%s", error ? error : "");
    json_decref(answer);
    return good;
}

void change_reload(struct chaos *chaos)
{
    services_configure(&chaos->random);
    kill(daemon_pid(), SIGHUP);
}

/* It may fail when workers die while they start; that is not this one's concern. */
void change_reload_and_wait(struct chaos *chaos)
{
    char why[512];

    services_configure(&chaos->random);
    if (reload_now(why, sizeof(why)))
        chaos->reloads_good++;
    else
        printf("           not reloaded: %s\n", why);
}

/* Says why, and lets nothing of it come into being. */
void change_spoil(struct chaos *chaos)
{
    char why[512];
    const char *what = services_spoil(&chaos->random);
    bool good = reload_now(why, sizeof(why));

    ck_assert_msg(!good, "seed %llu: %s was reloaded", (unsigned long long)chaos->seed, what);
    ck_assert_msg(why[0] != '\0', "seed %llu: %s was refused without a reason",
                  (unsigned long long)chaos->seed, what);
    chaos->reloads_bad++;
    services_configure(&chaos->random);
}

void change_size(struct chaos *chaos)
{
    static const char *const sizes[] = {"1", "2", "5", "+1", "-1"};
    char words[64];

    snprintf(words, sizeof(words), "scale %s %s",
             services[random_below(&chaos->random, SERVICES)].name,
             sizes[random_below(&chaos->random, sizeof(sizes) / sizeof(sizes[0]))]);
    json_decref(control_ask(words));
}

void change_storm(struct chaos *chaos)
{
    for (unsigned left = random_between(&chaos->random, 5, 30); left > 0; left--) {
        kill(daemon_pid(), SIGHUP);
        nap(random_below(&chaos->random, 20));
    }
}

/* As logrotate does. */
void change_logs(struct chaos *chaos)
{
    char name[32];

    snprintf(name, sizeof(name), "$DIR/log.%u", chaos->rotated);
    if (rename(expand("$DIR/log"), expand(name)) == 0)
        chaos->rotated++;
    kill(daemon_pid(), SIGUSR1);
}

void change_logs_storm(struct chaos *chaos)
{
    for (unsigned left = random_between(&chaos->random, 20, 100); left > 0; left--)
        kill(daemon_pid(), SIGUSR1);
}
