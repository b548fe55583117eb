/*
 * The environment of handlers: what every program wants, what the service says, and nothing of
 * framed's own: no secret, no socket of systemd's.
 */
#ifndef FRAMED_HANDLER_ENVIRONMENT_H
#define FRAMED_HANDLER_ENVIRONMENT_H

struct service_config;

/*
 * Makes it this process's own: called once, after the process has become who it is to be. PATH,
 * LANG, USER, HOME, TMPDIR, PYTHONUNBUFFERED, and what SERVICE adds or says otherwise. 0 or
 * -ENOMEM.
 */
int environment_adopt(const struct service_config *service);

#endif
