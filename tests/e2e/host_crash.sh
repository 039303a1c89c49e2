#!/usr/bin/env bash
# Hosts and agents that die outside of a decision: in the soak, at rest, one without the other.
set -u
. "$(dirname "$0")/../support/fleet.sh"

is_soaking() {
    [ "$(fleet_operation .state)" = soaking ]
}

host_is_another_than() { # host_is_another_than NODE PID
    local now
    now=$(fleet_host "$1") && [ "$now" != "$2" ]
}

says() { # says NODE VERSION
    [ "$(fleet_tool "$1" echo.say x)" = "$2 x" ]
}

restarts() {
    fleet_json .host_restarts node show n1
}

restarted_once() {
    [ "$(restarts)" = 1 ]
}

is_loaded_after() { # is_loaded_after TIME
    [ "$(loaded_since)" -gt "$1" ]
}

loaded_since() {
    fleet_json '.rows[] | select(.node == "n1") | .loaded_unix_ms' module status counter
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0 counter@1.0.0

# ---- an agent dies: its host serves on, and is taken over by the next one ----
fleet_needs "callers have answers" fleet_callers "$FLEET_TOOLS" n1 n2 n3
host=$(fleet_host n2)
fleet_kill agent-n2 KILL
check "with its agent dead, n2 answers" fleet_callers_again n2
check "its host is the same one" test "$(fleet_host n2)" = "$host"
check "the agent comes back" fleet_start_agent n2
check_eventually "n2 is ready" fleet_ready n2
check "its host is still the same one" test "$(fleet_host n2)" = "$host"
check "and takes a reload" fleet_reload echo@2.0.0 other@2.0.0 --soak 0
check "its host is the same one after that" test "$(fleet_host n2)" = "$host"
fleet_callers_again n2
check_calls "no call was lost, failed or mixed" n1 n2 n3

# ---- a host dies at rest: it comes back with its last good set ----
FLEET_CALLER=--idempotent
fleet_needs "callers of idempotent tools have answers" fleet_callers "echo.say other.pair" n1 n2 n3
host=$(fleet_host n1)
check_same 0 "no host of n1 was restarted so far" restarts
check "its counter counts" [ "$(fleet_tool n1 counter.get)" != "0 0" ]
loaded=$(loaded_since)
kill -s KILL "$host"
check_eventually "a new host is started" host_is_another_than n1 "$host"
check "it answers" fleet_callers_again n1
check "as the last good version" says n1 2.0.0
check_eventually "the fleet is consistent" fleet_cli check
check_same "0 0" "what the counter held is gone" fleet_tool n1 counter.get
check_eventually "the restart is counted" restarted_once
check_eventually "and it is loaded since then" is_loaded_after "$loaded"
fleet_callers_end n1 n2 n3
check_same "0 0 0 0" "what was under way was called once more, nothing was lost" \
    echo "$LOST $FAILED $WRONG $MIXED"

# ---- a host dies while its agent is away ----
fleet_kill agent-n1 KILL
host=$(fleet_host n1)
kill -s KILL "$host"
check "the agent comes back without a host" fleet_start_agent n1
check_eventually "and starts one" says n1 2.0.0
check_eventually "the fleet is consistent again" fleet_cli check

# ---- a host dies in the soak: all go back, and the version is quarantined ----
fleet_reload echo@1.0.0 other@1.0.0 --soak 10s >"$FLEET/log/reload" 2>&1 &
reload=$!
check_eventually "a reload is in its soak" is_soaking
kill -s KILL "$(fleet_host n3)"
wait "$reload"
check_same 6 "it ends with 6" echo $?
check_same "rolled-back n3 CRASHED" "it was rolled back because of n3" \
    fleet_operation_of reload '"\(.result) \(.cause.node) \(.cause.code)"'
check_eventually "the fleet is consistent after it" fleet_cli check
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "and on the version before" fleet_versions echo
check_same true "the version is quarantined" \
    fleet_json '.artifacts[] | select(.version == "1.0.0") | .quarantined' artifact ls echo
check_status 4 "so it is refused" fleet_reload echo@1.0.0 other@1.0.0
for node in n1 n2 n3; do
    check_eventually "$node answers as version 2" says "$node" 2.0.0
done

# ---- the bytes of a live version go bad while nobody is there: the rest serves, and it is told ----
module_state() { # module_state NODE MODULE
    fleet_json ".rows[] | select(.node == \"$1\") | .state" module status "$2"
}

is_not_loaded() { # is_not_loaded NODE MODULE
    [ "$(module_state "$1" "$2")" = not_loaded ]
}

fleet_kill agent-n1 KILL
kill -s KILL "$(fleet_host n1)"
digest=$(fleet_json '.rows[] | select(.node == "n1") | .digest' module status echo)
for file in "$FLEET"/n1/data/store/"$digest".so "$FLEET"/n1/data/gen/*-echo-*.so; do
    chmod u+w "$file"
    printf spoilt | dd of="$file" bs=1 seek=64 conv=notrunc status=none
done
check "the agent comes back to a spoilt version" fleet_start_agent n1
check_eventually "what does not need it serves" fleet_tool n1 counter.add
check_eventually "the spoilt one is not loaded" is_not_loaded n1 echo
check "the agent says so, and what to do" \
    grep -q "echo .*lockstep reload echo@current" "$FLEET/log/agent-n1"
check_status 3 "the fleet is not consistent" fleet_cli check
check "the same version is ordered again, with what needs it" \
    fleet_reload echo@current other@current --soak 0
check "it was fetched anew, and answers" says n1 2.0.0
check_eventually "the fleet is consistent with it" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
