/* Framings for tests that use Check, freed when a test ends. */
#ifndef FRAMED_TESTS_FRAMINGS_H
#define FRAMED_TESTS_FRAMINGS_H

#include "framing_support.h"

#include <check.h>

#define FRAMINGS_MAX 256

/* All that framing_of() has made, for framings_free(). */
static struct framed_framing *framings_made[FRAMINGS_MAX];
static size_t framings_count;

static inline void framings_free(void)
{
    while (framings_count > 0)
        framed_framing_free(framings_made[--framings_count]);
}

/* The framing of TEXT, which must be one; framings_free() frees it. */
static inline const struct framed_framing *framing_of(const char *text, size_t max)
{
    struct framed_framing *framing = NULL;
    char error[512] = "";

    EXPECT(framings_count < FRAMINGS_MAX);
    if (framed_framing_parse(text, NULL, &framing, error, sizeof(error)) != 0)
        ck_abort_msg("%s: %s", text, error);
    framings_made[framings_count++] = framing;
    if (framed_framing_set_max(framing, max) != 0)
        ck_abort_msg("%s: does not take max_message %zu", text, max);
    return framing;
}

#endif
