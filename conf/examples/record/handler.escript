#!/usr/bin/env escript
%%! -noinput
%% Numbers the messages of each client: a process for each connection counts them.
%%
%%     framed run -l tcp:127.0.0.1:7000 -F line --codec record -- ./handler.escript
%%
%% See framed-record(5). {packet, 4} takes and adds the length of the records; -noinput leaves it
%% standard input. What goes to standard error is logged.

main([]) ->
    Port = open_port({fd, 0, 1}, [binary, eof, {packet, 4}]),
    port_command(Port, <<17, 0:88>>), % READY
    loop(Port, #{}).

loop(Port, Clients) ->
    receive
        {Port, {data, <<Type, _:24, Id:32, Request:32, Body/binary>>}} ->
            loop(Port, handle(Type, Id, Request, Body, Port, Clients));
        {Port, eof} -> ok
    end.

handle(2, Id, _, _, Port, Clients) -> % OPEN
    Clients#{Id => spawn_link(fun() -> client(Port, Id, 1) end)};
handle(3, Id, Request, Text, _, Clients) -> % MESSAGE
    map_get(Id, Clients) ! {Request, Text},
    Clients;
handle(5, Id, _, _, _, Clients) -> % CLOSE
    map_get(Id, Clients) ! closed,
    maps:remove(Id, Clients);
handle(_, _, _, _, _, Clients) -> Clients.

client(Port, Id, Number) ->
    receive
        {Request, Text} ->
            Head = <<19, 0:24, Id:32, Request:32>>, % REPLY
            port_command(Port, [Head, integer_to_binary(Number), $\s, Text]),
            client(Port, Id, Number + 1);
        closed -> ok
    end.
