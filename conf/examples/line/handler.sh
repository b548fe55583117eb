#!/bin/sh
# Tells about the machine: one line in, exactly one line out.
#
#     framed run -l tcp:127.0.0.1:7000 -F line --codec line -- ./handler.sh
#
# A shell writes what it prints at once. What a program in it prints goes to the client as well, if it
# is not sent elsewhere; what goes to standard error is logged. Programs that it starts get /dev/null to
# read, or they might take the next message.
while IFS= read -r question; do
    case $question in
    name) uname -n ;;
    time) date -u +%FT%TZ ;;
    load) cut -d ' ' -f 1-3 /proc/loadavg ;;
    *)
        printf 'what is "%s"?\n' "$question" >&2
        echo 'ask for name, time or load'
        ;;
    esac </dev/null
done
