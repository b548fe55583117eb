#!/usr/bin/env escript
%%! -noinput
%% Answers each message with its CRC-32, as 4 bytes.
%%
%%     framed run -l tcp:127.0.0.1:7000 -F u32be --codec frame -- ./handler.escript
%%
%% The codec frame is what Erlang calls {packet, 4}. -noinput leaves standard input to the port. What
%% goes to standard error is logged.

main([]) ->
    loop(open_port({fd, 0, 1}, [binary, eof, {packet, 4}])).

loop(Port) ->
    receive
        {Port, {data, Message}} ->
            port_command(Port, <<(erlang:crc32(Message)):32>>),
            loop(Port);
        {Port, eof} ->
            ok
    end.
