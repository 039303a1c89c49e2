#!/usr/bin/env bash
# Going back on a first deployment: there is no version before, so every node is without the module
# again, as if it had never come, and what else lives in the hosts does not notice.
set -u
. "$(dirname "$0")/../support/fleet.sh"

in_soak() {
    [ "$(fleet_operation_of reload .state)" = soaking ]
}

settled() {
    [ "$(fleet_operation_of reload .result)" = "$1" ]
}

has_no_tool() { # has_no_tool NODE TOOL
    ! fleet_tool_names --socket "$(fleet_socket "$1")" | grep -q "^$2"
}

all_without() { # all_without MODULE
    local node
    for node in n1 n2 n3; do
        has_no_tool "$node" "$1." || return
    done
    [ -z "$(fleet_versions "$1")" ]
}

says() { # says NODE VERSION
    [ "$(fleet_tool "$1" echo.say x)" = "$2 x" ]
}

# killed_in_soak SUBJECT…: they come for the first time, and n3's host dies while they are watched.
killed_in_soak() {
    local reload
    fleet_reload "$@" --install --soak 20s >"$FLEET/log/reload" 2>&1 &
    reload=$!
    fleet_until in_soak && kill -s KILL "$(fleet_host n3)"
    wait "$reload"
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 counter-1
fleet_needs "counter is installed" fleet_install counter@1.0.0
fleet_needs "callers of it have answers" fleet_callers counter.add n1 n2

# ---- a host dies in the soak: all are without what had come ----
host=$(fleet_host n1)
check_status 6 "a first deployment whose host dies in the soak ends with 6" \
    killed_in_soak echo@1.0.0 other@1.0.0
check_same "rolled-back n3 CRASHED" "it was rolled back because of n3" \
    fleet_operation_of reload '"\(.result) \(.cause.node) \(.cause.code)"'
check_same "none none" "from them to nothing" \
    fleet_operation_of compensation '[.items[].version] | join(" ")'
check_eventually "nobody has echo" all_without echo
check_eventually "nor other" all_without other
check "what lives beside them goes on" fleet_callers_again n1
check_same "$host" "in the same hosts" fleet_host n1
check_eventually "the fleet is consistent" fleet_cli check
check_status 2 "without --install nobody is to have it" fleet_reload echo@2.0.0
check_same true "the version is quarantined" \
    fleet_json '.artifacts[] | select(.version == "1.0.0") | .quarantined' artifact ls echo
check_status 4 "so it is refused" fleet_reload echo@1.0.0 --install

# ---- hosts and agents that start anew go on without it ----
fleet_kill agent-n3 KILL
kill -s KILL "$(fleet_host n3)"
check "n3 starts anew" fleet_start_agent n3
check_eventually "with what it is to have" fleet_tool n3 counter.add
check "and without echo" has_no_tool n3 echo.

# ---- it comes again, and is undone ----
check "another version is installed" fleet_install echo@2.0.0
check "the quarantine is lifted" fleet_cli artifact unquarantine other@1.0.0 -m "n3 was killed"
check "and so is what requires it" fleet_install other@1.0.0
check_eventually "it answers" says n3 2.0.0
check_status 6 "what is required cannot be undone alone" fleet_cli undo echo -y --soak 0
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "and everybody keeps it" fleet_versions echo
check_says 'other requires echo' "and it is said why" fleet_cli op show "$(fleet_operation .id)"
check_says 'echo .*2\.0\.0 -> none' "the plan of an undo says what becomes of it" \
    fleet_cli undo echo other --dry-run
check "both are undone together" fleet_cli undo echo other -y
check_eventually "nobody has echo" all_without echo
check_eventually "nor other" all_without other
check_eventually "the fleet is consistent" fleet_cli check
check_status 2 "there is nothing to undo any more" fleet_cli undo echo -y
check "callers noticed nothing" fleet_callers_again n2

# ---- a module with state begins anew ----
check_calls "no call to counter was lost, failed or mixed" n1 n2
check "counter is undone, too" fleet_cli undo counter -y --no-quarantine
check_eventually "nobody has it" all_without counter
check "it is installed again" fleet_install counter@1.0.0
check_same "0 0" "and counts from 0" fleet_tool n1 counter.get

# ---- a node dies when it has just begun to run the first version ----
fleet_kill agent-n2 TERM
FLEET_CRASH=AGENT_AFTER_POINTER fleet_start_agent n2
fleet_until fleet_ready n1 n2 n3
check "the quarantine of echo is lifted" fleet_cli artifact unquarantine echo@2.0.0
check_status 7 "lost after the decision, the fleet is mixed" \
    fleet_reload echo@2.0.0 --install --soak 0 --commit-deadline 2s
check_same "failed-mixed n2 LOST" "because of n2" \
    fleet_operation_of reload '"\(.result) \(.cause.node) \(.cause.code)"'
check "n1 is without it" has_no_tool n1 echo.
fleet_wait_end agent-n2
check "n2 comes back" fleet_start_agent n2
check_eventually "and goes back, too" all_without echo
check_eventually "which settles the operation" settled rolled-back
check_eventually "the fleet is consistent" fleet_cli check

# ---- the coordinator knows it after a restart ----
fleet_kill lockstepd KILL
fleet_needs "the coordinator comes back" fleet_start_coordinator
fleet_needs "and so do all" fleet_until fleet_ready n1 n2 n3
check "the fleet is still consistent" fleet_cli check
check "nobody has echo" all_without echo
check "the audit trail is whole" fleet_cli audit verify
fleet_end
