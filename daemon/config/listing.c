/* The framings that have a name, and the parameters of their text: for people, and for
 * framed.conf(5), which is made with it when framed is built. */
#include "config/config.h"

#include <framed/framing.h>

#include <string.h>

void config_print_framings(FILE *to)
{
    for (const struct framed_preset *preset = framed_presets(); preset->name; preset++)
        fprintf(to, "%-16s %s  [%s]\n", preset->name, preset->grammar, preset->text);
    fputs("\nOthers are written out: a kind, its value, parameters; see framed.conf(5).\n"
          "  length:be4,counts=frame,offset=1   fixed:1036   delimited:\\r\\n\\r\\n\n\n",
          to);
    for (const struct framed_parameter *parameter = framed_parameters(); parameter->key;
         parameter++)
        fprintf(to, "%-16s %s  [%s: %s]\n", parameter->key, parameter->text, parameter->kinds,
                parameter->allowed);
}

/* What mdoc(7) would take for something else: a backslash; a dot or a quote that begins a line. */
static void print_escaped(const char *text, FILE *to)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", to);
    for (; *text; text++)
        fputs(*text == '\\' ? "\\e" : (const char[]){*text, '\0'}, to);
}

static void print_line(const char *text, FILE *to)
{
    print_escaped(text, to);
    putc('\n', to);
}

void config_print_framings_mdoc(FILE *to)
{
    fputs(".Ss Framings that have a name\n.Bl -tag -width Ds -compact\n", to);
    for (const struct framed_preset *preset = framed_presets(); preset->name; preset++) {
        fprintf(to, ".It Cm %s\n", preset->name);
        print_line(preset->grammar, to);
        fputs(".br\n.Ql ", to);
        print_line(preset->text, to);
    }
    fputs(".El\n.Ss Parameters of a framing\n.Bl -tag -width Ds -compact\n", to);
    for (const struct framed_parameter *parameter = framed_parameters(); parameter->key;
         parameter++) {
        fprintf(to, ".It Cm %s\n", parameter->key);
        print_line(parameter->text, to);
        fputs(".br\n", to);
        fprintf(to, "%s: ", parameter->kinds);
        print_line(parameter->allowed, to);
    }
    fputs(".El\n", to);
}
