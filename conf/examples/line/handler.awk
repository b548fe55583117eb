#!/usr/bin/env -S mawk -W interactive -f
# Answers each line with the sum and the mean of its numbers.
#
#     framed run -l tcp:127.0.0.1:7000 -F line --codec line -- ./handler.awk
#
# One line in, exactly one line out. mawk reads ahead and keeps back what it prints, but with
# -W interactive; gawk needs the fflush() alone: gawk -f handler.awk. What goes to standard error is
# logged.
{
    sum = 0
    for (i = 1; i <= NF; i++) {
        if ($i != $i + 0)
            print "taken for " ($i + 0) ": " $i > "/dev/stderr"
        sum += $i
    }
    print sum, NF ? sum / NF : "-"
    fflush()
}
