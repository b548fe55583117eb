#include "nearest.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* No key is that long; what is longer is near to nothing. */
#define LENGTH_MAX 32

static char plain(char letter)
{
    return (char)(letter == '-' ? '_' : tolower((unsigned char)letter));
}

static bool same(char a, char b)
{
    return plain(a) == plain(b);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

size_t framed_nearest_distance(const char *a, const char *b)
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

void framed_nearest_init(struct framed_nearest *nearest, const char *wanted)
{
    /* One error in three letters is as far as a guess helps. */
    *nearest = (struct framed_nearest){.wanted = wanted, .distance = (strlen(wanted) + 2) / 3 + 1};
}

void framed_nearest_consider(struct framed_nearest *nearest, const char *name)
{
    size_t distance = framed_nearest_distance(nearest->wanted, name);

    if (distance < nearest->distance) {
        nearest->distance = distance;
        nearest->best = name;
    }
}
