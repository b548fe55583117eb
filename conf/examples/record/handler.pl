#!/usr/bin/perl
# Answers each message with a line for each of its words, the last one apart from the others; one
# request after the other.
#
#     framed run -l tcp:127.0.0.1:7000 -F line --codec record --window 4 -- ./handler.pl
#
# framed-record(5) tells what the records are. What goes to standard error is logged.
use strict;
use warnings;

use constant {MESSAGE => 3, READY => 17, REPLY => 19, MORE => 1};

binmode STDIN;
binmode STDOUT;
$| = 1;

sub put {
    my ($type, $flags, $connection, $request, $body) = @_;
    print pack('NCCnNNa*', 12 + length $body, $type, $flags, 0, $connection, $request, $body);
}

put(READY, 0, 0, 0, '');
while ((read(STDIN, my $head, 16) // 0) == 16) {
    my ($length, $type, undef, undef, $connection, $request) = unpack 'NCCnNN', $head;
    my $body = '';
    read(STDIN, $body, $length - 12) if $length > 12;
    next unless $type == MESSAGE;
    my @words = split ' ', $body;
    my $last = pop @words // '';
    put(REPLY, MORE, $connection, $request, $_) for @words;
    put(REPLY, 0, $connection, $request, $last);
}
