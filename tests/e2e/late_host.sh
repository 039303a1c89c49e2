#!/usr/bin/env bash
# The host of an agent whose folder was wiped lives on, and comes to the agent that is there now in the
# middle of operations: it is brought along, and nobody waits for it until a deadline.
set -u
. "$(dirname "$0")/../support/fleet.sh"

voted() { [ "$(fleet_operation ".parts[] | select(.node == \"$1\") | .state")" = prepared ]; }
came() { grep -q "host up service=default pid=$1 " "$FLEET/log/agent-n3"; }

# The folder is lost, the host is not; it is heard of when it goes on.
wipe() { # wipe NODE: $old is the host that its agent had started
    old=$(grep -o -m 1 'host up service=default pid=[0-9]*' "$FLEET/log/agent-$1")
    old=${old##*=}
    kill -s STOP "$old"
    fleet_kill "agent-$1" KILL
    rm -rf "${FLEET:?}/$1"
    check "$1 is revoked" fleet_cli node revoke "$1" -m "its disk is empty"
    check "and built anew" fleet_node "$1"
}

# The process has mapped the copy of what n3 runs of a module.
maps() { # maps PID MODULE
    grep -q -F -- "-$2-$(fleet_json ".rows[] | select(.node == \"n3\") | .digest[:8]" module status "$2")" "/proc/$1/maps"
}

in_time() { # in_time COMMAND...: well within the commit deadline
    timeout 3 "$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" --coordinator "$FLEET_URL" "$@"
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 counter@1.0.0

# Between the vote and the decision, which waits for n2.
wipe n3
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@2.0.0 counter@2.0.0 --soak 0 --detach
check_eventually "the new n3 has voted yes" voted n3
kill -s CONT "$old"
check_eventually "then the old host comes" came "$old"
kill -s CONT "$(fleet_pid agent-n2)"
check "the operation succeeds without waiting" in_time op wait "$(fleet_operation .short)"
check_same succeeded "everywhere" fleet_operation .result
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "n3 runs one version" fleet_versions echo
check "also in the old host" maps "$old" counter
check "what follows has them both" in_time reload --strategy sync_all -y echo@1.0.0 counter@1.0.0 --soak 0
check "also back" in_time undo echo counter -y --no-quarantine
check_eventually "the fleet is consistent" fleet_cli check

# Before it all: it is one of the service's processes.
kill -s KILL "$old" # else it would come a second time, and at any time
check_eventually "it is not waited for" grep -q "host gone service=default pid=$old" "$FLEET/log/agent-n3"
wipe n3
kill -s CONT "$old"
check_eventually "the old host comes" came "$old"
check "it is brought along" in_time reload --strategy sync_all -y echo@1.0.0 counter@1.0.0 --soak 0
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "n3 runs one version" fleet_versions echo
check_eventually "the fleet is consistent" fleet_cli check

check "the audit trail is whole" fleet_cli audit verify
fleet_end
