#!/bin/sh
# Guess a number: plain read and echo, and nothing that knows of sockets. The variables are those of
# UCSPI (TCPREMOTEIP ...) and of CGI (REMOTE_ADDR ...); see framed(8).
number=$(od -An -N1 -tu1 /dev/urandom)
number=$((number % 100 + 1))
echo "Hello ${REMOTE_ADDR:-you}, guess a number from 1 to 100."
while read -r guess; do
    case $guess in
    '' | *[!0-9]* | ????*) echo 'A number, please.' ;;
    *)
        if [ "$guess" -eq "$number" ]; then
            echo 'Right.'
            exit 0
        fi
        [ "$guess" -lt "$number" ] && echo 'More.' || echo 'Less.'
        ;;
    esac
done
