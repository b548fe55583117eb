#include "config/suggest.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* No key is that long; what is longer is near to nothing. */
#define LENGTH_MAX 32

static bool same(char a, char b)
{
    return (a == '-' ? '_' : a) == (b == '-' ? '_' : b);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t suggest_distance(const char *a, const char *b)
{
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    size_t rows[LENGTH_MAX + 1][LENGTH_MAX + 1];

    if (length_a > LENGTH_MAX || length_b > LENGTH_MAX)
        return SIZE_MAX;
    for (size_t i = 0; i <= length_a; i++) {
        for (size_t j = 0; j <= length_b; j++) {
            if (i == 0 || j == 0) {
                rows[i][j] = i + j;
                continue;
            }
            rows[i][j] = smaller(rows[i - 1][j - 1] + !same(a[i - 1], b[j - 1]),
                                 smaller(rows[i - 1][j], rows[i][j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                rows[i][j] = smaller(rows[i][j], rows[i - 2][j - 2] + 1);
        }
    }
    return rows[length_a][length_b];
}

void suggest_init(struct suggest *suggest, const char *wanted)
{
    /* One error in three letters is as far as a guess helps. */
    *suggest = (struct suggest){.wanted = wanted, .distance = (strlen(wanted) + 2) / 3 + 1};
}

void suggest_consider(struct suggest *suggest, const char *name)
{
    size_t distance = suggest_distance(suggest->wanted, name);

    if (distance < suggest->distance) {
        suggest->distance = distance;
        suggest->best = name;
    }
}
