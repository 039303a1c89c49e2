#!/usr/bin/env bash
# A client of the Model Context Protocol, scripted: it lists and calls a node's tools while the fleet
# replaces them, is told when they change, and is answered a ping while a tool is slow.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# ask JSON: sends a line. heard REGEX: the first line that matches, of those that came or come.
ask() {
    printf '%s\n' "$1" >&"${MCP[1]}"
}

heard() {
    local line
    line=$(fleet_wait_line "$FLEET/log/mcp" "$1" "$MCP_PID") && printf '%s\n' "$line"
}

answer() { # answer ID JSON FILTER: asks, and what jq makes of the answer
    ask "$2"
    heard "\"id\":$1,|\"id\":$1\\}" | jq -c "$3"
}

request() { # request ID METHOD [PARAMS]
    printf '{"jsonrpc":"2.0","id":%s,"method":"%s","params":%s}' "$1" "$2" "${3-{\}}"
}

call() { # call ID TOOL INPUT: what the tool said
    answer "$1" "$(request "$1" tools/call "{\"name\":\"$2\",\"arguments\":{\"input\":\"$3\"}}")" \
        '[.result.content[0].text, .result.isError, .result._meta["lockstep/version"], .error.code]'
}

fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "and one is installed" fleet_install echo@1.0.0
coproc MCP { exec "$FLEET_BIN/lockstep-mcp" --socket "$(fleet_socket n1)" \
    --socket "$FLEET/none.sock" >"$FLEET/log/mcp" 2>"$FLEET/log/mcp.err"; }
fleet_pids[mcp]=$MCP_PID

check_same '["2025-06-18",true]' "the client says which revision" answer 1 \
    "$(request 1 initialize '{"protocolVersion":"2025-06-18","capabilities":{}}')" \
    '[.result.protocolVersion, .result.capabilities.tools.listChanged]'
ask '{"jsonrpc":"2.0","method":"notifications/initialized"}'
check_same '"echo_fail echo_pair echo_say echo_wait"' "tools are listed" answer 2 "$(request 2 tools/list)" \
    '[.result.tools[].name] | join(" ")'
check_same '["1.0.0 hi",false,"1.0.0",null]' "one is called" call 3 echo_say hi
check_same '["1.0.0 hi",false,"1.0.0",null]' "by the name that it has here" call 4 echo.say hi
check_same '[null,true,"1.0.0",null]' "one that fails is an error of the call" answer 5 \
    "$(request 5 tools/call '{"name":"echo_fail"}')" \
    '[null, .result.isError, .result._meta["lockstep/version"], .error.code]'
check_same '[null,null,null,-32602]' "one that is not there is the client's" call 6 echo_nothing hi
check_same -32602 "so are arguments that it does not take" answer 7 \
    "$(request 7 tools/call '{"name":"echo_say","arguments":{"output":1}}')" .error.code

# Said in one go, for the slow tool takes 300 ms.
ask "$(request 8 tools/call '{"name":"echo_wait"}'; echo; request 9 ping)"
check "a slow tool is answered" heard '"id":8'
check_same '"id":9 "id":8' "and a ping that came later before it" \
    eval 'grep -o -E "\"id\":(8|9)" "$FLEET/log/mcp" | tr "\n" " " | sed "s/ $//"'
ask "$(request 20 tools/call '{"name":"echo_wait"}'; echo
    echo '{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":20,"reason":"enough"}}')"

check "version 2 comes" fleet_reload echo@2.0.0 --soak 0
check "the client is told" heard 'notifications/tools/list_changed'
check_same '["2.0.0 hi",false,"2.0.0",null]' "and the next call is answered by it" call 10 echo_say hi
check_same '"2.0.0"' "and so is the list" answer 11 "$(request 11 tools/list)" \
    '[.result.tools[]._meta["lockstep/version"]] | unique[0]'
check "another module comes" fleet_install counter@1.0.0
check_eventually "that is told as well" eval '[ "$(grep -c list_changed "$FLEET/log/mcp")" = 2 ]'
check_same '"counter_add"' "and listed" answer 12 "$(request 12 tools/list)" '.result.tools[0].name'
check_same '["1",false,"1.0.0",null]' "and called" call 13 counter_add ""

fleet_kill agent-n1 KILL
kill -KILL "$(fleet_host n1)"
check_eventually "that a host has gone is told" eval '[ "$(grep -c list_changed "$FLEET/log/mcp")" = 3 ]'
check_same '[null,null,null,-32000]' "while nobody answers a tool is not unknown" call 16 echo_say hi
check "the agent starts its host again" fleet_start_agent n1
check_eventually "when it is back all is as before" eval 'fleet_tool n1 echo.say hi'
check_same '["2.0.0 hi",false,"2.0.0",null]' "with the version that is live" call 14 echo_say hi

ask "$(request 15 tools/call '{"name":"echo_wait","arguments":{"input":"300"}}')"
exec {MCP[1]}>&-
check "when the client closes its side the server ends" fleet_wait_end mcp
check_same 1 "after the answer to what was under way" grep -c '"id":15' "$FLEET/log/mcp"
check_same 0 "and what was cancelled was never answered" grep -c '"id":20' "$FLEET/log/mcp"
check_same "" "it had nothing to say to people" cat "$FLEET/log/mcp.err"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
