#!/usr/bin/perl
# Lookups for Postfix (see socketmap_table(5)): "MAP KEY" in; "OK VALUE" or "NOTFOUND " out.
#
#     handler.pl FILE     each line: MAP KEY VALUE; a line with # at its start is a comment
#
# Codec `line`: framed sends a request as a line, and takes a line for the reply.
use strict;
use warnings;

my ($file) = @ARGV;
my %maps;
open(my $lines, '<', $file) or die "$file: $!\n";
while (my $line = <$lines>) {
    next if $line =~ /^\s*(#|$)/;
    my ($map, $key, $value) = $line =~ /^(\S+)\s+(\S+)\s+(.*\S)/
        or die "$file:$.: expected MAP KEY VALUE\n";
    $maps{$map}{lc $key} = $value;
}
close($lines);

sub reply_to {
    my ($map, $key) = $_[0] =~ /^(\S+) (.*)$/ or return 'PERM expected: MAP KEY';
    return "PERM there is no map $map" unless $maps{$map};
    my $value = $maps{$map}{lc $key};
    return defined $value ? "OK $value" : 'NOTFOUND ';
}

$| = 1;    # a reply that waits in a buffer is none
while (my $request = <STDIN>) {
    chomp $request;
    print reply_to($request), "\n";
}
