#!/usr/bin/env bash
# The coordinator is killed at each named point of a reload and started again. Before its commit row
# the operation is aborted, after it it is done, everywhere; callers do not notice.
set -u
. "$(dirname "$0")/../support/fleet.sh"

version=1
letters=abcdefghijklmnop
number=0

is_on() { # is_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1.0.0 n2=$1.0.0 n3=$1.0.0" ] \
        && [ "$(fleet_versions other)" = "n1=$1.0.0 n2=$1.0.0 n3=$1.0.0" ]
}

# begin POINT SOAK: the next reload, under a coordinator that will die there. Its id is $id.
begin() {
    next=$((3 - version)) id=coordinatorkilledatpoint${letters:number:1}a
    number=$((number + 1))
    fleet_kill lockstepd TERM
    FLEET_CRASH=$1 fleet_start_coordinator || fleet_fails "$1: the coordinator is ready"
    fleet_until fleet_ready n1 n2 n3
    fleet_reload "echo@$next.0.0" "other@$next.0.0" --soak "$2" --request-id "$id" \
        >"$FLEET/log/reload" 2>&1 &
    reload=$!
}

# finish POINT RESULT: it dies, comes back, and the operation of $id ends so.
finish() {
    local point=$1 result=nothing
    check "$point: the coordinator dies there" fleet_wait_end lockstepd
    check "$point: it starts again" fleet_start_coordinator
    wait "$reload" # whatever it says: the coordinator went away under it
    fleet_until fleet_ready n1 n2 n3
    if [ "$2" = nothing ]; then
        check_status 2 "$point: nothing was begun" fleet_cli op show "$id"
    else
        fleet_cli op wait "$id" >"$FLEET/log/settled" 2>&1
        result=$(fleet_json .result op show "$id")
        check "$point: the operation is $2, and is $result" [ "$result" = "$2" ]
    fi
    [ "$result" != succeeded ] || version=$next
    check_eventually "$point: every node is on version $version" is_on "$version"
    check_eventually "$point: the fleet is consistent" fleet_cli check
}

crash() { # crash POINT RESULT
    begin "$1" 100ms
    finish "$1" "$2"
}

is_soaking() {
    [ "$(fleet_json .state op show "$id")" = soaking ]
}

# A host dies in the soak, so that all must go back.
crash_degraded() { # crash_degraded POINT RESULT
    begin "$1" 3s
    fleet_until is_soaking
    kill -s KILL "$(fleet_host n2)"
    finish "$1" "$2"
    fleet_cli artifact unquarantine "echo@$next.0.0" >/dev/null
    fleet_cli artifact unquarantine "other@$next.0.0" >/dev/null
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0
fleet_needs "callers have answers" fleet_callers "echo.say other.pair" n1 n2 n3
crash COORDINATOR_BEFORE_OPEN nothing
crash COORDINATOR_AFTER_OPEN aborted
crash COORDINATOR_BEFORE_COMMIT aborted
crash COORDINATOR_AFTER_COMMIT succeeded
crash COORDINATOR_AFTER_SEND_COMMIT succeeded
crash COORDINATOR_BEFORE_SUCCEEDED succeeded
crash COORDINATOR_AFTER_SUCCEEDED succeeded
check_calls "no call was lost, failed or mixed" n1 n2 n3
# The node tells the crash again to the coordinator that comes back.
crash_degraded COORDINATOR_BEFORE_DEGRADED rolled-back
crash_degraded COORDINATOR_AFTER_DEGRADED rolled-back
check "the audit trail is whole" fleet_cli audit verify
fleet_end
