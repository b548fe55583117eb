%% Erlang: echoes messages with a 4-byte big-endian length, a process for each connection.
-module(echo).
-export([start/1]).

start([Port]) ->
    {ok, Listener} = gen_tcp:listen(list_to_integer(Port),
        [binary, {packet, 4}, {active, false}, {ip, {127, 0, 0, 1}}, {backlog, 511},
         {nodelay, true}, {reuseaddr, true}]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> inet:setopts(Socket, [{active, once}]), serve(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

serve(Socket) ->
    receive
        {tcp, Socket, Message} ->
            ok = gen_tcp:send(Socket, Message),
            inet:setopts(Socket, [{active, once}]),
            serve(Socket);
        {tcp_closed, Socket} -> ok;
        {tcp_error, Socket, _} -> ok
    end.
