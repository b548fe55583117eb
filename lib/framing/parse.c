/* The text of a framing: a name, perhaps a colon and a value, and parameters behind commas. */
#include "framing/parse.h"

#include "nearest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Parameters in one text, at most. */
#define GIVEN_MAX 64

static const enum framed_kind all_kinds[] = {
    FRAMED_KIND_LENGTH,  FRAMED_KIND_FIXED, FRAMED_KIND_DELIMITED, FRAMED_KIND_TYPED,
    FRAMED_KIND_CHUNKED, FRAMED_KIND_EOF,   FRAMED_KIND_RAW,
};
#define KINDS (sizeof(all_kinds) / sizeof(all_kinds[0]))

static int new_framing(enum framed_kind kind, struct framed_framing **framing)
{
    struct framed_framing *made = calloc(1, sizeof(*made));

    if (!made)
        return -ENOMEM;
    made->kind = kind;
    made->strip = FRAMED_STRIP_AUTO;
    if (kind == FRAMED_KIND_LENGTH) {
        made->as.length.unit = 1;
        made->as.length.mask = UINT64_MAX;
    }
    if (kind == FRAMED_KIND_TYPED && !(made->as.typed = calloc(1, sizeof(*made->as.typed)))) {
        free(made);
        return -ENOMEM;
    }
    *framing = made;
    return 0;
}

static int complain_unknown(struct framed_parser *parser, struct framed_text name)
{
    char wanted[FRAMED_FRAMING_NAME_SIZE];
    struct framed_nearest nearest;

    snprintf(wanted, sizeof(wanted), "%.*s", (int)(name.length < 63 ? name.length : 63), name.at);
    framed_nearest_init(&nearest, wanted);
    for (size_t i = 0; i < KINDS; i++)
        framed_nearest_consider(&nearest, framed_kind(all_kinds[i])->word);
    for (const struct framed_preset *preset = framed_presets(); preset->name; preset++)
        framed_nearest_consider(&nearest, preset->name);
    framed_complain_found(&parser->complaint, "name", name, "");
    if (nearest.best)
        framed_complain_more(&parser->complaint, "\"%s\" perhaps, or ", nearest.best);
    framed_complain_more(&parser->complaint,
                         "any that `framed framings` lists, or a kind: length, fixed, delimited, "
                         "typed, chunked, eof, raw");
    return -EINVAL;
}

static int build(struct framed_parser *parser, struct framed_text text,
                 struct framed_framing **framing);

/* -EINVAL if NAME is met on the way that it began, which the complaint goes backwards. */
static int complain_loop(struct framed_parser *parser, struct framed_text name)
{
    const struct framed_link *first = parser->link;

    while (first && !framed_text_same(first->name, name))
        first = first->around;
    if (!first)
        return 0;
    framed_complain_found(&parser->complaint, "name", name,
                          "a name that does not stand for itself in the end, as it does through ");
    for (const struct framed_link *link = parser->link;; link = link->around) {
        framed_complain_more(&parser->complaint, "\"%.*s\"%s", (int)link->name.length,
                             link->name.at, link == first ? "" : " of ");
        if (link == first)
            return -EINVAL;
    }
}

/* Follows a NAME to the text that it stands for. */
static int follow(struct framed_parser *parser, struct framed_text name,
                  struct framed_framing **framing)
{
    const char *text = framed_preset_text(name);
    char copy[FRAMED_FRAMING_NAME_SIZE];
    const struct framed_link link = {name, parser->link};
    int result;

    if (!text && parser->names && name.length < sizeof(copy)) {
        snprintf(copy, sizeof(copy), "%.*s", (int)name.length, name.at);
        text = parser->names->text(parser->names->context, copy);
    }
    if (!text)
        return complain_unknown(parser, name);
    if (complain_loop(parser, name) < 0)
        return -EINVAL;
    parser->link = &link;
    parser->links++;
    result = build(parser, framed_text_of(text), framing);
    parser->links--;
    parser->link = link.around;
    return result;
}

/* Makes what the name in front stands for; *REST: the parameters. */
static int build_base(struct framed_parser *parser, struct framed_text text,
                      struct framed_framing **framing, struct framed_text *rest)
{
    struct framed_text name = framed_text_cut(text, ":,", rest);
    bool has_value = rest->at && rest->at[-1] == ':';
    int result;

    for (size_t i = 0; i < KINDS; i++) {
        struct framed_text value;

        if (!framed_text_is(name, framed_kind(all_kinds[i])->word))
            continue;
        result = new_framing(all_kinds[i], framing);
        /* What `typed` is about are its cases: parameters. */
        if (result < 0 || (has_value && all_kinds[i] == FRAMED_KIND_TYPED))
            return result;
        value = has_value ? framed_text_cut(*rest, ",", rest) : (struct framed_text){"", 0};
        return framed_set_positional(parser, *framing, value);
    }
    if (has_value)
        return framed_complain(&parser->complaint,
                               "found a colon behind \"%.*s\", allowed: behind "
                               "length, fixed, delimited, typed, chunked",
                               (int)(name.length < 32 ? name.length : 32), name.at);
    return follow(parser, name, framing);
}

/* What is allowed in place of KEY behind the COUNT keys that are GIVEN; NULL: it is. */
static const char *allowed_behind(const struct framed_text *given, size_t count,
                                  struct framed_text key)
{
    const char *allowed = NULL;

    for (size_t i = 0; i < count && !allowed; i++)
        allowed = framed_parameters_allowed(key, given[i]);
    return allowed;
}

static int set_all(struct framed_parser *parser, struct framed_framing *framing,
                   struct framed_text rest)
{
    struct framed_text given[GIVEN_MAX];
    size_t count = 0;

    while (rest.at) {
        struct framed_text parameter = framed_text_cut(rest, ",", &rest);
        struct framed_text value;
        struct framed_text key = framed_text_cut(parameter, "=", &value);
        const char *allowed = allowed_behind(given, count, key);
        int result;

        if (!value.at)
            return framed_complain_found(&parser->complaint, "parameter", parameter, "KEY=VALUE");
        if (allowed)
            return framed_complain_found(&parser->complaint, "parameter", key, allowed);
        if (count == GIVEN_MAX)
            return framed_complain(&parser->complaint, "found more than %d parameters", GIVEN_MAX);
        given[count++] = key;
        result = framed_set_parameter(parser, framing, key, value);
        if (result < 0)
            return result;
    }
    return 0;
}

/* What TEXT stands for, not checked yet: there may be parameters to come. */
static int build(struct framed_parser *parser, struct framed_text text,
                 struct framed_framing **framing)
{
    struct framed_framing *made = NULL;
    struct framed_text rest;
    int result;

    if (++parser->count > FRAMED_FRAMINGS_MAX)
        return framed_complain(&parser->complaint, "found more than %d framings in it",
                               FRAMED_FRAMINGS_MAX);
    result = build_base(parser, text, &made, &rest);
    if (result == 0)
        result = set_all(parser, made, rest);
    if (result < 0)
        framed_framing_free(made);
    else
        *framing = made;
    return result;
}

static int make(struct framed_parser *parser, struct framed_text text,
                struct framed_framing **framing)
{
    struct framed_framing *made = NULL;
    int result = build(parser, text, &made);

    if (result == 0)
        result = framed_check(parser, made);
    if (result < 0) {
        framed_framing_free(made);
        return result;
    }
    snprintf(made->name, sizeof(made->name), "%.*s",
             (int)(text.length < sizeof(made->name) ? text.length : sizeof(made->name)), text.at);
    *framing = made;
    return 0;
}

int framed_parse_inner(struct framed_parser *parser, const char *what, struct framed_text text,
                       struct framed_framing **framing)
{
    struct framed_text inner;
    int result;

    /* A name alone needs no parentheses. */
    if (!framed_text_unwrap(text, &inner))
        inner = text;
    if (inner.length == 0)
        return framed_complain_found(&parser->complaint, what, text,
                                     "a framing, such as u8 or (length:be4,offset=1)");
    if (parser->depth >= FRAMED_DEPTH_MAX)
        return framed_complain(&parser->complaint, "%s: found framings %d deep, allowed: %d", what,
                               parser->depth + 1, FRAMED_DEPTH_MAX);
    parser->depth++;
    result = make(parser, inner, framing);
    parser->depth--;
    return result;
}

int framed_framing_parse(const char *text, const struct framed_names *names,
                         struct framed_framing **framing, char *error, size_t size)
{
    struct framed_parser parser = {.names = names,
                                   .complaint = {.whole = text, .error = error, .size = size}};
    struct framed_framing *made = NULL;
    int result;

    if (!framed_text_is_balanced(framed_text_of(text)))
        return framed_complain(&parser.complaint, "a parenthesis lacks its other half");
    result = make(&parser, framed_text_of(text), &made);
    if (result == -ENOMEM)
        snprintf(error, size, "out of memory");
    if (result < 0)
        return result;
    /* One that is larger than the default by its nature is taken as it is. */
    if (framed_framing_set_max(made, FRAMED_MESSAGE_DEFAULT) < 0)
        framed_framing_set_max(made, FRAMED_MESSAGE_LIMIT);
    *framing = made;
    return 0;
}
