#include "support/status.h"

#include "support/daemon.h"
#include "support/process.h"
#include "support/until.h"

#include <framed/client.h>

#include <check.h>
#include <stdio.h>
#include <string.h>

json_t *control_ask(const char *request)
{
    struct framed_client *client = NULL;
    char error[256];
    const void *data;
    size_t length;
    json_t *answer = NULL;

    if (framed_client_open(daemon_control(), "u32be", (size_t)1 << 24, BOUND_MS, &client, error,
                           sizeof(error)) < 0)
        return NULL;
    if (framed_client_call(client, request, strlen(request), &data, &length) == FRAMED_OK)
        answer = json_loadb(data, length, 0, NULL);
    framed_client_free(client);
    return answer;
}

static json_t *find_service(const json_t *status, const char *name)
{
    size_t index;
    json_t *service;

    json_array_foreach(json_object_get(status, "services"), index, service)
    {
        if (strcmp(json_string_value(json_object_get(service, "name")), name) == 0)
            return service;
    }
    return NULL;
}

long long status_counter(const char *service, const char *path)
{
    json_t *status = control_ask("status");
    const json_t *at = json_object_get(find_service(status, service), "counters");
    const char *dot = strchr(path, '.');
    long long value = -1;

    if (dot)
        at = json_object_get(at, "closed");
    at = json_object_get(at, dot ? dot + 1 : path);
    if (json_is_integer(at))
        value = json_integer_value(at);
    json_decref(status);
    return value;
}

long long status_service(const char *service, const char *key)
{
    json_t *status = control_ask("status");
    const json_t *value = json_object_get(find_service(status, service), key);
    long long number = json_is_integer(value) ? json_integer_value(value) : -1;

    json_decref(status);
    return number;
}

long long status_latency(const char *service, const char *percentile)
{
    json_t *status = control_ask("status");
    const json_t *latency = json_object_get(find_service(status, service), "latency_us");
    long long us = json_integer_value(json_object_get(latency, percentile));

    json_decref(status);
    return us;
}

long long status_closed(const char *service)
{
    json_t *status = control_ask("status");
    json_t *closed =
        json_object_get(json_object_get(find_service(status, service), "counters"), "closed");
    long long sum = 0;
    const char *reason;
    json_t *count;

    json_object_foreach(closed, reason, count)
    {
        sum += json_integer_value(count);
    }
    json_decref(status);
    return sum;
}

static bool worker_is(const json_t *worker, const char *key, const char *value)
{
    const char *found = json_string_value(json_object_get(worker, key));

    return !value || (found && strcmp(found, value) == 0);
}

static size_t find_workers(const char *service, const char *activity, pid_t *pids)
{
    json_t *status = control_ask("status");
    size_t count = 0;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        if (count < WORKERS_MAX && worker_is(worker, "service", service) &&
            worker_is(worker, "state", "ready") && worker_is(worker, "activity", activity))
            pids[count++] = (pid_t)json_integer_value(json_object_get(worker, "pid"));
    }
    json_decref(status);
    return count;
}

size_t status_workers(const char *service, pid_t pids[WORKERS_MAX])
{
    return find_workers(service, NULL, pids);
}

size_t status_in(const char *service, const char *activity, pid_t pids[WORKERS_MAX])
{
    return find_workers(service, activity, pids);
}

pid_t status_handler_group(const char *service)
{
    json_t *status = control_ask("status");
    pid_t group = 0;
    size_t index;
    json_t *worker;

    json_array_foreach(json_object_get(status, "workers"), index, worker)
    {
        if (worker_is(worker, "service", service))
            group = (pid_t)json_integer_value(json_object_get(worker, "handler_group"));
    }
    json_decref(status);
    return group;
}

pid_t status_wait_busy(const char *service, const char *activity)
{
    pid_t pids[WORKERS_MAX];

    ck_assert_msg(UNTIL(find_workers(service, activity, pids) == 1), "not one worker of %s is %s",
                  service, activity);
    return pids[0];
}

void status_wait_gone(const pid_t *pids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ck_assert_msg(UNTIL(!process_lives(pids[i])), "worker %d lives", (int)pids[i]);
}

void status_wait_workers(const char *service, size_t count)
{
    pid_t pids[WORKERS_MAX];

    ck_assert_msg(UNTIL(status_workers(service, pids) == count), "%s has %zu workers, not %zu",
                  service, status_workers(service, pids), count);
}

void status_wait_counter(const char *service, const char *path, long long count)
{
    ck_assert_msg(UNTIL(status_counter(service, path) == count), "%s: %s is %lld, not %lld",
                  service, path, status_counter(service, path), count);
}

long long status_number(const char *key)
{
    json_t *status = control_ask("status");
    const json_t *value = json_object_get(status, key);
    long long number = json_is_integer(value) ? json_integer_value(value) : -1;

    json_decref(status);
    return number;
}

const char *status_word(const char *key)
{
    static char word[2048];
    json_t *status = control_ask("status");
    const char *value = json_string_value(json_object_get(status, key));

    snprintf(word, sizeof(word), "%s", value ? value : "");
    json_decref(status);
    return word;
}
