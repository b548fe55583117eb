/*
 * From text to a framing: parse.c takes the text apart, parameters.c knows the parameters, check.c
 * refuses what cannot be and settles the rest, presets.c has the names.
 */
#ifndef FRAMED_FRAMING_PARSE_H
#define FRAMED_FRAMING_PARSE_H

#include "framing/kind.h"
#include "framing/text.h"

/* A name that is being followed, and the one whose text it stands in. */
struct framed_link {
    struct framed_text name;
    const struct framed_link *around;
};

struct framed_parser {
    const struct framed_names *names;
    struct framed_complaint complaint;
    const struct framed_link *link;
    uint8_t links;  /* that one and all around it */
    unsigned count; /* of framings made, and names followed */
    unsigned depth; /* framings around this one */
};

#pragma GCC visibility push(hidden)

/* Makes the framing that TEXT, a name or in parentheses, stands for; one that is to lie within
 * another. */
int framed_parse_inner(struct framed_parser *parser, const char *what, struct framed_text text,
                       struct framed_framing **framing);

/* Sets the parameter KEY of FRAMING. 0, -EINVAL with a complaint, or -ENOMEM. */
int framed_set_parameter(struct framed_parser *parser, struct framed_framing *framing,
                         struct framed_text key, struct framed_text value);

/* Sets what stands behind the kind's colon. */
int framed_set_positional(struct framed_parser *parser, struct framed_framing *framing,
                          struct framed_text value);

/* NULL where one text may have both KEY and OTHER, else what is allowed. */
const char *framed_parameters_allowed(struct framed_text key, struct framed_text other);

/* Refuses what cannot be, and fills in what follows from the rest. */
int framed_check(struct framed_parser *parser, struct framed_framing *framing);

/* The text that a preset of this NAME stands for, or NULL. */
const char *framed_preset_text(struct framed_text name);

#pragma GCC visibility pop

#endif
