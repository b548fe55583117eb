/* What the files of this folder share of a configuration's innards. */
#ifndef FRAMED_CONFIG_PARTS_H
#define FRAMED_CONFIG_PARTS_H

struct service_config;

/* Frees all in SERVICE, not SERVICE itself. */
void service_deinit(struct service_config *service);

#endif
