#!/usr/bin/env bash
# One agent of three is killed at each named point of a reload and started again. What has become of
# the operation is what the crash table says, all nodes are alike, and callers were served throughout.
set -u
. "$(dirname "$0")/../support/fleet.sh"

version=1 # what the fleet is on

is_on() { # is_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1.0.0 n2=$1.0.0 n3=$1.0.0" ] \
        && [ "$(fleet_versions other)" = "n1=$1.0.0 n2=$1.0.0 n3=$1.0.0" ] \
        && [ "$(fleet_versions counter)" = "n1=$1.0.0 n2=$1.0.0 n3=$1.0.0" ]
}

all_answer() {
    local node
    for node in n1 n2 n3; do
        [ "$(fleet_tool "$node" echo.say x)" = "$version.0.0 x" ] || return
    done
}

is_final() {
    [ "$(fleet_operation '.final or .result == "aborted"')" = true ]
}

# crash POINT WHEN OUTCOME...: n2 dies there; it is started again at once, or when all is over (WHEN
# is early or late). Outcomes as "result/exit".
crash() {
    local name="$1, back $2" point=$1 when=$2 next=$((3 - version)) status=0 result
    shift 2
    # What is decided is said again to a node that comes back, until it is final.
    fleet_until is_final
    fleet_kill agent-n2 TERM
    FLEET_CRASH=$point fleet_start_agent n2 || fleet_fails "$name: n2 is ready"
    fleet_until fleet_ready n1 n2 n3
    fleet_callers "$FLEET_TOOLS" n1 n2 n3
    fleet_reload "echo@$next.0.0" "other@$next.0.0" "counter@$next.0.0" --soak 100ms --rollback-window 1s \
        >"$FLEET/log/reload" 2>&1 &
    local reload=$!
    check "$name: n2 dies there" fleet_wait_end agent-n2 || {
        sed 's/^/# /' "$FLEET/log/reload"
        fleet_kill agent-n2 KILL
    }
    [ "$when" = late ] || check "$name: n2 starts again" fleet_start_agent n2
    wait "$reload" || status=$?
    result=$(fleet_operation_of reload .result)
    case " $* " in
    *" $result/$status "*) pass "$name: the operation is $result, exit $status" ;;
    *)
        sed 's/^/# /' "$FLEET/log/reload"
        fail "$name: the operation is $result, exit $status, and not one of: $*"
        ;;
    esac
    [ "$when" = early ] || check "$name: n2 starts again" fleet_start_agent n2
    [ "$result" != succeeded ] || version=$next
    check_eventually "$name: every node is on version $version" is_on "$version"
    check_eventually "$name: the fleet is consistent" fleet_cli check
    check_eventually "$name: tools answer as version $version" all_answer
    check_calls "$name: no call was lost, failed or mixed" n1 n2 n3
    [ "$result" != aborted ] \
        || check_same 0 "$name: nobody ever ran what was not decided" echo "$CHANGES"
    [ "$result" = succeeded ] \
        || check_same false "$name: the version is not blamed" fleet_json \
            ".artifacts[] | select(.version == \"$next.0.0\") | .quarantined" artifact ls echo
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0 counter@1.0.0 --rollback-window 1s
# Nothing was promised: without n2 it is aborted; if it is back in time it is asked again.
crash AGENT_PREPARE_RECEIVED late aborted/6
crash AGENT_BEFORE_VOW late aborted/6
crash AGENT_BEFORE_VOW early aborted/6 succeeded/0
# The vow is durable and the YES has not left.
crash AGENT_AFTER_VOW late aborted/6
crash AGENT_AFTER_VOW early aborted/6 succeeded/0
# Once the YES has been counted the decision stands.
crash AGENT_AFTER_YES early aborted/6 succeeded/0
crash AGENT_COMMIT_RECEIVED early succeeded/0
crash AGENT_BEFORE_POINTER early succeeded/0
crash AGENT_AFTER_POINTER early succeeded/0
crash AGENT_AFTER_PUBLISH early succeeded/0
crash AGENT_BEFORE_ACK early succeeded/0
# Gone for good it is lost, and all go back; it goes back when it returns.
crash AGENT_BEFORE_POINTER late failed-mixed/7
crash AGENT_AFTER_POINTER late failed-mixed/7
check "the audit trail is whole" fleet_cli audit verify
fleet_end
