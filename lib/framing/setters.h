/* Between parameters.c, which knows the parameters, and setters.c, which sets the special ones. */
#ifndef FRAMED_FRAMING_SETTERS_H
#define FRAMED_FRAMING_SETTERS_H

#include "framing/parse.h"

/* Sets a parameter of FRAMING to VALUE. 0, -EINVAL with a complaint, or -ENOMEM. */
typedef int framed_setter(struct framed_parser *parser, struct framed_framing *framing,
                          struct framed_text value);

#pragma GCC visibility push(hidden)

framed_setter framed_set_strip, framed_set_first, framed_set_reply, framed_set_greeting,
    framed_set_leading_zero, framed_set_marks, framed_set_or, framed_set_oversize,
    framed_set_type_at, framed_set_case, framed_set_default, framed_set_last, framed_set_last_bit,
    framed_set_more_bit;

/* Complains about the VALUE of KEY, with what is allowed there. -EINVAL. */
int framed_refuse(struct framed_parser *parser, const char *key, struct framed_text value);

#pragma GCC visibility pop

#endif
