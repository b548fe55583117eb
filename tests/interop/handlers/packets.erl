%% Sends messages and prints those that come back, as Erlang cuts them out of the stream:
%%
%%     escript packets.erl PORT PACKET     PACKET: what gen_tcp's option {packet, …} takes
%%
%% Standard input has a message a line, in hex, and an empty line for one without bytes; where
%% Erlang adds no header of its own, they are whole frames. The end of the stream ends it.
-mode(compile).

-define(WAIT_MS, 30000).
-define(LARGEST, 16#100000).

main([Port, Packet]) ->
    ok = io:setopts(standard_io, [{encoding, latin1}]),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, list_to_integer(Port),
                                   [binary, {active, false}, {nodelay, true}, {packet, kind(Packet)},
                                    {packet_size, ?LARGEST}, {buffer, ?LARGEST}, {send_timeout, ?WAIT_MS}]),
    Messages = [binary:decode_hex(string:trim(Line)) || Line <- lines()],
    spawn_link(fun() ->
                       [ok = gen_tcp:send(Socket, Message) || Message <- Messages],
                       ok = gen_tcp:shutdown(Socket, write)
               end),
    print_received(Socket).

kind([Digit]) when Digit =< $9 -> Digit - $0;
kind(Word) -> list_to_existing_atom(Word).

lines() ->
    case file:read_line(standard_io) of
        {ok, Line} -> [list_to_binary(Line) | lines()];
        eof -> []
    end.

print_received(Socket) ->
    case gen_tcp:recv(Socket, 0, ?WAIT_MS) of
        {ok, Message} ->
            ok = file:write(standard_io, [binary:encode_hex(Message), $\n]),
            print_received(Socket);
        {error, closed} -> ok
    end.
