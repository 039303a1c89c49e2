#!/usr/bin/env bash
# A node that is away before anyone is contacted: refused, skipped, or waited for; and names that nobody has.
set -u
. "$(dirname "$0")/../support/fleet.sh"

operations() {
    fleet_json '.operations | length' op ls
}

one_waits() {
    [ -n "$(waiting_one)" ]
}

waiting_one() {
    fleet_json '[.operations[] | select(.state == "waiting") | .short] | join(" ")' op ls
}

n3_goes() {
    fleet_kill agent-n3 KILL
    fleet_needs "n3 is seen to be away" fleet_until fleet_absent n3
}

n3_comes_back() {
    check "n3 comes back" fleet_start_agent n3
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0
n3_goes
before=$(operations)

check_status 4 "sync_all is refused while n3 is away" fleet_reload echo@2.0.0 --soak 0
check_says 'n3' "n3 is named" fleet_reload echo@2.0.0 --soak 0
check_status 4 "a plan says so beforehand" fleet_cli plan --strategy sync_all echo@2.0.0
check_same "$before" "no operation was opened" operations
check_same "n1=1.0.0 n2=1.0.0" "nobody changed" fleet_versions_of echo n1 n2
check_status 4 "local on n3 is refused" fleet_cli reload echo@2.0.0 --strategy local --node n3
check "local on n1 is not" fleet_cli reload echo@2.0.0 --strategy local --node n1 --soak 0
check "a reload of those that are there is not" fleet_reload echo@1.0.0 --soak 0 --node n1 --node n2

# Skipped, and given it when it returns.
check_status 3 "--offline skip succeeds in part" \
    fleet_reload echo@2.0.0 --offline skip --detailed-exitcode --soak 0
check_same succeeded-partial "that is what the operation says" fleet_operation .result
check_same "n1=2.0.0 n2=2.0.0" "those that are there have it" fleet_versions_of echo n1 n2
check_status 3 "check sees that n3 is away" fleet_cli check
n3_comes_back
check_eventually "the fleet becomes consistent" fleet_cli check
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "n3 was given what it missed" fleet_versions echo

# Without --detailed-exitcode a success in part is a success.
n3_goes
check_status 0 "--offline skip ends with 0 when details are not asked for" \
    fleet_reload echo@1.0.0 --offline skip --soak 0
n3_comes_back
check_eventually "the fleet becomes consistent again" fleet_cli check

# Waited for.
n3_goes
fleet_reload echo@2.0.0 --offline wait:15s --soak 0 >"$FLEET/log/waiting" 2>&1 &
waiting=$!
check_eventually "a request with --offline wait is kept, and listed" one_waits
one=$(waiting_one)
check_same "waiting echo 3" "it is shown as the operation that it will be" \
    fleet_json '"\(.state) \(.items[0].module) \(.n)"' op show "$one"
check_same "n1=reachable n2=reachable n3=absent" "with whom it waits for" \
    fleet_json '[.parts[] | "\(.node)=\(.state)"] | join(" ")' op show "$one"
check_same "$one" "the fleet in one screen has it" \
    fleet_json '[.operations[] | select(.state == "waiting") | .short] | join(" ")' status
check_says "${one#op-}.* waits for nodes" "the log names it" cat "$FLEET/log/lockstepd"
fleet_cli op watch "$one" >"$FLEET/log/watching" 2>&1 &
watching=$!
check_eventually "somebody watches it" grep -q waiting "$FLEET/log/watching"
n3_comes_back
wait "$watching"
check_same 0 "who watches it sees it succeed" echo $?
wait "$waiting"
check_same 0 "then the operation succeeds" echo $?
check_same succeeded "in full" fleet_operation .result
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "every node has version 2" fleet_versions echo
check_eventually "the fleet is consistent" fleet_cli check

# Nobody comes.
n3_goes
fleet_reload echo@1.0.0 --offline wait:60s --soak 0 >"$FLEET/log/waiting" 2>&1 &
waiting=$!
check_eventually "another waits" one_waits
one=$(waiting_one)
fleet_cli op watch "$one" >"$FLEET/log/watching" 2>&1 &
watching=$!
check_eventually "somebody watches it" grep -q waiting "$FLEET/log/watching"
check "it can be withdrawn" fleet_cli op abort "$one"
wait "$waiting"
check_same 4 "which refuses it: nobody was contacted" echo $?
wait "$watching"
check_same 4 "and tells who watches it" echo $?
check_says 'withdrawn' "by whom" cat "$FLEET/log/waiting"
check_same "" "it is not listed any more" waiting_one
fleet_reload echo@1.0.0 --offline wait:500ms --soak 0 >"$FLEET/log/waited" 2>&1
check_same 4 "waiting in vain is refused: nobody was contacted" echo $?
check_same "n1=2.0.0 n2=2.0.0" "and changes nobody" fleet_versions_of echo n1 n2

# Names that nobody has.
check_status 2 "an unknown node" fleet_reload echo@1.0.0 --node nobody
check_status 2 "an unknown module" fleet_reload nothing@1.0.0
check_status 2 "an unknown version" fleet_reload echo@9.9.9
check_status 2 "an unknown node to show" fleet_cli node show nobody
check_status 2 "an unknown module to show" fleet_cli module show nothing
check_status 2 "an unknown operation" fleet_cli op show op-aaaaaaaa
check_status 2 "a selector that nothing matches" fleet_reload echo@1.0.0 -l zone=moon
check "another module is pushed" fleet_modules counter-1
check_status 2 "a module that no node carries, without --install" fleet_reload counter@1.0.0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
