#!/usr/bin/env bash
# Several processes of one service on one socket: reloads reach all of them, one that dies leaves
# the others serving and is replaced, and in a soak its death counts as that of the host does.
set -u
. "$(dirname "$0")/../support/fleet.sh"

FLEET_SETTINGS="services:
  - name: default
    processes: 3
$FLEET_SETTINGS"

serving() { # serving NODE: the processes that serve, one a line
    sed -n 's/ .* serves$//p' "$FLEET/$1/run/tools/default.pid"
}

serve() { # serve NODE NUMBER
    [ "$(serving "$1" | wc -l)" = "$2" ] && ready_hosts "$1" "$2"
}

ready_hosts() { # ready_hosts NODE NUMBER: so many of its processes have been up
    local pid count=0
    for pid in $(serving "$1"); do
        grep -q "host up service=default pid=$pid " "$FLEET/log/agent-$1" && count=$((count + 1))
    done
    [ "$count" = "$2" ]
}

kill_one() { # kill_one NODE
    kill -s KILL "$(serving "$1" | head -n 1)"
}

is_soaking() {
    [ "$(fleet_operation .state)" = soaking ]
}

restarts() { # restarts NODE
    fleet_json .host_restarts node show "$1"
}

restarted() { # restarted NODE NUMBER
    [ "$(restarts "$1")" = "$2" ]
}

fleet_begin
coordinator_settings=${FLEET_SETTINGS#*3$'\n'}
fleet_coordinator "$coordinator_settings" || fleet_fails "the coordinator is ready"
for node in n1 n2; do
    fleet_node "$node" || fleet_fails "$node is ready"
done
check_eventually "three processes serve on n1" serve n1 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0
FLEET_THREADS=6
fleet_needs "callers have answers" fleet_callers "echo.say other.pair" n1 n2
check "all take version 2" fleet_reload echo@2.0.0 other@2.0.0 --soak 0 --rollback-window 0
check "all take version 1 again" fleet_reload echo@1.0.0 other@1.0.0 --soak 0 --rollback-window 0
check_eventually "the fleet is consistent" fleet_cli check
check_same "3 3" "each is read back from all processes" \
    fleet_json '[.rows[] | .hosts] | join(" ")' module status echo
check_calls "no call was lost or failed" n1 n2

check_says "counter has state, and service default has 3 processes" "a module with state is refused" \
    fleet_reload counter@1.0.0 --install --soak 0

FLEET_CALLER=--idempotent
fleet_needs "callers of idempotent tools have answers" fleet_callers "echo.say" n1
kill_one n1
check "with one dead the others answer" fleet_callers_again n1
check_eventually "it is replaced" serve n1 3
check_eventually "the restart is counted" restarted n1 1
check_eventually "the fleet is consistent with it" fleet_cli check
fleet_callers_again n1
fleet_callers_end n1
check_same "0 0 0" "what was under way was called once more, nothing was lost" \
    echo "$LOST $FAILED $WRONG"

fleet_reload echo@2.0.0 other@2.0.0 --soak 10s >"$FLEET/log/reload" 2>&1 &
reload=$!
check_eventually "a reload is in its soak" is_soaking
kill_one n2
wait "$reload"
check_same 6 "the death of one of several ends it with 6" echo $?
check_same "rolled-back n2 CRASHED" "it was rolled back because of n2" \
    fleet_operation_of reload '"\(.result) \(.cause.node) \(.cause.code)"'
check_eventually "the fleet is consistent after it" fleet_cli check
check_eventually "three processes serve on n2 again" serve n2 3

fleet_kill agent-n1 KILL
check "an agent that comes back" fleet_start_agent n1
check_eventually "finds all three" serve n1 3
check_eventually "and is ready" fleet_ready n1
check "a reload reaches them" fleet_reload other@1.0.0 --again --soak 0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
