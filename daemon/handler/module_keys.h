/*
 * What can be set for a module, as its table of keys has it: looked up, read, and put into words.
 * Nothing of a module is called here.
 */
#ifndef FRAMED_HANDLER_MODULE_KEYS_H
#define FRAMED_HANDLER_MODULE_KEYS_H

#include <framed/module.h>

#include <stddef.h>
#include <stdint.h>

struct config_setting;
struct config_settings;

#define MODULE_ALLOWED_SIZE 128

/* How many KEYS (NULL: none) there are. */
size_t module_keys_count(const struct framed_key *keys);

/* "text", "number", "size", "time", "yes_no". */
const char *module_key_type(const struct framed_key *key);

/* What the value of KEY may be: "a number from 0 to 1000". */
void module_key_allowed(const struct framed_key *key, char allowed[MODULE_ALLOWED_SIZE]);

/*
 * Looks SETTING up in KEYS, and reads its value; NUMBERS (NULL: nobody asks) has one for each key.
 * 0, or -EINVAL with "found ..., allowed: ..." in ERROR.
 */
int module_keys_take(const struct framed_key *keys, const struct config_setting *setting,
                     uint64_t *numbers, char *error, size_t size);

/* The same of the values that KEYS have of their own. */
int module_keys_begin(const struct framed_key *keys, uint64_t *numbers, char *error, size_t size);

/* What a module is handed of the settings GIVEN. */
struct module_settings {
    struct framed_setting *all; /* as many as were given; the strings stay theirs */
    uint64_t *numbers;
};

/* Fills SETTINGS, for module_settings_free(). 0, or a negative errno with a message in ERROR. */
int module_settings_make(const struct config_settings *given, const struct framed_key *keys,
                         struct module_settings *settings, char *error, size_t size);
void module_settings_free(struct module_settings *settings);

#endif
