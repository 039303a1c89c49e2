#!/usr/bin/env bash
# Who belongs to a module: its placement says so, not what nodes report.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# host_of_n3 COMMAND: the program that n3's agent starts as its host from now on.
host_of_n3() {
    local host
    host=$(fleet_host n3)
    fleet_kill agent-n3 TERM
    [ -z "$host" ] || kill -s KILL "$host"
    fleet_node_folder n3 "$FLEET_SETTINGS"
    [ -z "$1" ] || printf 'host: %s\n' "$1" >>"$FLEET/n3/agent.yaml"
    fleet_start_agent n3 && fleet_until fleet_ready n3
}

fleet_begin
fleet_needs "the coordinator is ready" fleet_coordinator
fleet_needs "n1 is ready" fleet_node n1 "$FLEET_SETTINGS" zone=a
fleet_needs "n2 is ready" fleet_node n2 "$FLEET_SETTINGS" zone=b
fleet_needs "n3 is ready" fleet_node n3 "$FLEET_SETTINGS" zone=b
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
# With no window to go back in: else n3, whose host will not start, takes echo out by itself.
fleet_needs "echo is installed everywhere" fleet_install echo@1.0.0 --rollback-window 0
fleet_needs "n3 knows that there is none" fleet_until grep -q 'row=FINAL of echo' "$FLEET/log/agent-n3"
fleet_needs "counter is installed in zone a" fleet_install counter@1.0.0 -l zone=a

# A node whose host cannot start reports nothing, and is still one of all.
fleet_needs "n3 has an agent and no host" host_of_n3 /bin/false
check_same 3 "n3 belongs to the roster" fleet_json .n plan --strategy sync_all echo@2.0.0
check_status 6 "sync_all fails" fleet_reload echo@2.0.0 --soak 0
check_same n3 "because of n3" fleet_operation .cause.node
check_same "n1=1.0.0 n2=1.0.0" "nobody changed" fleet_versions_of echo n1 n2
check_status 3 "check misses it on n3" fleet_cli check echo
fleet_needs "n3 has a host again" host_of_n3 ""
check_eventually "the fleet is consistent" fleet_cli check
check "sync_all succeeds" fleet_reload echo@2.0.0 --soak 0
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "on all three" fleet_versions echo

# Who comes later is to run what is placed on it, and what is not it is not.
fleet_needs "n4 comes to zone a" fleet_node n4 "$FLEET_SETTINGS" zone=a
fleet_needs "n5 comes to zone b" fleet_node n5 "$FLEET_SETTINGS" zone=b
check_status 3 "check misses echo on both" fleet_cli check echo
check_same "n4 n5" "by name" \
    fleet_json '[.differences[] | select(.kind == "missing") | .node] | join(" ")' check echo
check_same 5 "all are five now" fleet_json .n plan --strategy sync_all echo@1.0.0
check "and all get it, without being installed again" fleet_reload echo@1.0.0 --soak 0
check_eventually "the fleet is consistent in echo" fleet_cli check echo
check "in zone a all get counter" fleet_reload counter@2.0.0 --soak 0
check_same "n1=2.0.0 n4=2.0.0" "and in zone b nobody" fleet_versions counter
check_eventually "the fleet is consistent" fleet_cli check

# Who undoes a wider placement is where it was before.
check "counter is installed everywhere" fleet_install counter@1.0.0
check_same 5 "and placed there" fleet_json .n plan --strategy sync_all counter@2.0.0
check "that is undone" fleet_cli undo counter -y --no-quarantine
check_same "n1=2.0.0 n4=2.0.0" "zone a has what it had, zone b nothing" fleet_versions counter
check_same 2 "and is not asked any more" fleet_json .n plan --strategy sync_all counter@1.0.0
check_eventually "the fleet is consistent" fleet_cli check

# The placement is in the journal.
fleet_kill lockstepd KILL
fleet_needs "the coordinator comes back" fleet_start_coordinator
fleet_needs "and so do all" fleet_until fleet_ready n1 n2 n3 n4 n5
check_same 2 "counter is placed on two nodes" fleet_json .n plan --strategy sync_all counter@1.0.0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
