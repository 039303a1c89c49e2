#!/usr/bin/env bash
# The official client of the Model Context Protocol, from the npm registry, at a node whose modules are
# replaced. Without node, npm or the registry it is skipped: mcp.sh needs none of them.
set -u
. "$(dirname "$0")/../support/fleet.sh"

SDK=@modelcontextprotocol/sdk@1.32.2
CACHE=$(cd "$FLEET_BIN/.." && pwd)/npm

give_up() { # give_up REASON
    skip "the official client" "$1"
    fleet_end
    exit
}

if [ ! -d "$CACHE/node_modules/@modelcontextprotocol" ]; then
    command -v node npm >/dev/null || give_up "there is no node, or no npm"
    mkdir -p "$CACHE"
    timeout 60 npm install --prefix "$CACHE" --no-audit --no-fund --ignore-scripts "$SDK" \
        >"$CACHE/install.log" 2>&1 || {
        rm -rf "$CACHE/node_modules"
        give_up "npm does not install it: $(grep -m 1 'npm error' "$CACHE/install.log" || echo 'no answer in time')"
    }
fi

does() { # does LINE...: tells the client, and waits until it has done so; what it said about it
    local before
    before=$(wc -l <"$FLEET/log/client")
    printf '%s\n' "$*" >&"${CLIENT[1]}"
    fleet_until eval "tail -n +$((before + 1)) '$FLEET/log/client' | grep -q -x 'done $*'"
    tail -n +$((before + 1)) "$FLEET/log/client" | grep -v -e '^done ' -e '^changed'
}

connects() { # what it said instead is shown
    fleet_until grep -q -x 'server lockstep-mcp {"tools":{"listChanged":true}}' "$FLEET/log/client" ||
        { cat "$FLEET/log/client" && return 1; }
}

fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "and one is installed" fleet_install echo@1.0.0
coproc CLIENT { exec node "$FLEET_ROOT/tests/support/mcp_client.mjs" "$CACHE" \
    "$FLEET_BIN/lockstep-mcp" --socket "$(fleet_socket n1)" >"$FLEET/log/client" 2>&1; }
fleet_pids[client]=$CLIENT_PID
fleet_needs "it connects" connects
check_same "tools echo_fail,echo_pair,echo_say,echo_wait object" "lists" does list
check_same "called echo_say false 1.0.0 hi" "calls" does call echo_say hi
check_same "called echo_fail true it always does" "sees what fails" does call echo_fail
check_same "refused echo_nothing -32602" "what is unknown" does call echo_nothing
check_same "pong {}" "pings" does ping
check_same "cancelled" "cancels" does cancel echo_wait 500
check "version 2 comes" fleet_reload echo@2.0.0 --soak 0
check_eventually "it is told" grep -q -x changed "$FLEET/log/client"
check_same "called echo_say false 2.0.0 hi" "the next call is answered by version 2" does call echo_say hi
check_same "tools echo_fail,echo_pair,echo_say,echo_wait object" "it lists again" does list
check "another module comes" fleet_install counter@1.0.0
check_eventually "it is told again" eval '[ "$(grep -c -x changed "$FLEET/log/client")" = 2 ]'
check_same "called counter_add false 1" "and calls that" does call counter_add
check_same "tools counter_add,counter_get,counter_wait,echo_fail,echo_pair,echo_say,echo_wait object" \
    "which is listed" does list
exec {CLIENT[1]}>&-
check "it ends" fleet_wait_end client
check_same closed "by itself" tail -n 1 "$FLEET/log/client"
check_same 0 "without a mistake" grep -c '^mistake' "$FLEET/log/client"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
