#!/usr/bin/env bash
# A reconcile goes on, and says what is true, while agents and the coordinator are killed, nodes are
# cordoned and machines stand still in the middle of it.
set -u
. "$(dirname "$0")/../support/fleet.sh"

begin_to() { # begin_to VERSION SOAK
    fleet_cli reconcile echo --to "$1" -y --soak "$2" -d >"$FLEET/log/reconcile" 2>&1
}
part_is() { # part_is NODE STATE
    [ "$(fleet_operation_of reconcile ".parts[] | select(.node == \"$1\") | .state")" = "$2" ]
}
is_state() { # is_state STATE: of the newest reconcile
    [ "$(fleet_operation_of reconcile .state)" = "$1" ]
}
has_ended() {
    [ "$(fleet_operation_of reconcile .state)" != committing ]
}
all_on() { # all_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1 n2=$1 n3=$1 n4=$1" ]
}
restart_agent() { # restart_agent NODE
    fleet_kill "agent-$1" KILL
    fleet_start_agent "$1" && fleet_until fleet_ready "$1"
}

fleet_of 4
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "echo is installed" fleet_install echo@1.0.0

# ---- an agent that is killed while its node is watched ----
begin_to 2.0.0 3s
check_eventually "n1 is watched" part_is n1 soaking
check "its agent is killed, and comes back" restart_agent n1
check "n2 is not asked before n1 is through" part_is n2 owed
check_eventually "n4 is watched in the end" part_is n4 soaking
check "its agent is killed, and comes back" restart_agent n4
check_eventually "the operation ends all the same" has_ended
check_same succeeded "and well" fleet_operation_of reconcile .state
check "all run one version" all_on 2.0.0

# ---- who is cordoned before its turn ----
begin_to 1.0.0 2s
check_eventually "n1 is watched" part_is n1 soaking
check "n2 is cordoned" fleet_cli node cordon n2
check_eventually "n3 is next" part_is n3 soaking
check_same "n2=2.0.0" "n2 is left in peace" fleet_versions_of echo n2
check_eventually "the operation ends" has_ended
check_same "n2=2.0.0" "n2 still is" fleet_versions_of echo n2
check "n2 is cordoned no more" fleet_cli node uncordon n2
check_eventually "and gets it" all_on 1.0.0

# ---- what was stopped stays stopped ----
begin_to 2.0.0 3s
check_eventually "n1 is watched" part_is n1 soaking
check "it is aborted" fleet_cli op abort "$(fleet_operation_of reconcile .id)"
fleet_kill lockstepd KILL
fleet_needs "the coordinator is back" fleet_start_coordinator
fleet_until fleet_ready n1 n2 n3 n4
check_eventually "it ends" has_ended
check_same failed-mixed "as what it is" fleet_operation_of reconcile .state
check_same "n2=1.0.0 n3=1.0.0 n4=1.0.0" "nobody else was moved" fleet_versions_of echo n2 n3 n4
check "it can be gone back on" fleet_cli reconcile echo --to 1.0.0 -y --soak 0
check "all run one version" all_on 1.0.0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
