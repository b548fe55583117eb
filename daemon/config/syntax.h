/* What libconfuse complains about, in words that say what is allowed. */
#ifndef FRAMED_CONFIG_SYNTAX_H
#define FRAMED_CONFIG_SYNTAX_H

#include <stdarg.h>

struct place;
struct report;

/* Reports an error of libconfuse in SECTION (its name for it), told as FORMAT and LIST. */
__attribute__((format(printf, 4, 0))) void syntax_report(struct report *report,
                                                         const struct place *place,
                                                         const char *section, const char *format,
                                                         va_list list);

/* Reports that there is no key NAME in SECTION, with the nearest, and all that there are. */
void syntax_report_unknown(struct report *report, const struct place *place, const char *section,
                           const char *name);

#endif
