#include "worker/pace.h"

uint64_t pace_end(struct pace *pace, uint64_t now_ns, unsigned longest, struct histogram *histogram)
{
    uint64_t took_ns = now_ns - pace->began_ns;
    uint64_t last_ns = took_ns / pace->handled;

    if (last_ns <= PACE_QUICK_NS) {
        pace->usually_ns = last_ns;
        pace->length = pace->length < longest / 2 ? 2 * pace->handled : longest;
    } else {
        last_ns = took_ns - pace->usually_ns * (pace->handled - 1);
        pace->length = 1;
    }
    histogram_add(histogram, pace->usually_ns / 1000, pace->handled - 1);
    histogram_add(histogram, last_ns / 1000, 1);
    pace->began_ns = now_ns;
    pace->handled = 0;
    return last_ns;
}
