#!/usr/bin/env bash
# Who belongs to the fleet is an operator's word: nodes that are cordoned.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# What the newest operation says of a node.
part_of() { # part_of NODE
    fleet_operation ".parts[] | select(.node == \"$1\") | .state"
}

audited() { # audited WHAT SUBJECT MESSAGE
    [ "$(fleet_json "[.rows[] | select(.what == \"$1\" and .subject == \"$2\") | .detail] | last" audit --limit 100 |
        grep -c -F -- "$3")" = 1 ]
}

runs() { # runs NODE VERSION
    [ "$(fleet_versions_of echo "$1")" = "$1=$2" ]
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- cordoned: not counted, not contacted, owed it afterwards --------------------------------------

check "n3 is cordoned" fleet_cli node cordon n3 -m "its disk is exchanged"
check "that is audited" audited node.cordon n3 "its disk is exchanged"
check "doing it twice is fine" fleet_cli node cordon n3
check_same true "node show says so" fleet_json .cordoned node show n3
check_same n3 "node ls says so" fleet_json '[.nodes[] | select(.cordoned) | .node] | join(" ")' node ls
check_same 1 "status counts it" fleet_json .nodes.cordoned status
check "it is no difference by itself" fleet_cli check
check_same "2 n3" "a plan leaves it out and says so" \
    fleet_json '"\(.n) \(.cordoned | join(" "))"' plan --strategy sync_all echo@2.0.0
check_status 4 "nothing is for it alone" fleet_cli reload echo@2.0.0 --strategy local --node n3
check_status 2 "there is no node n9" fleet_cli node cordon n9
check "sync_all succeeds without it" fleet_reload echo@2.0.0 --soak 0
check_same "2 2" "with all of two" fleet_operation '"\(.n) \(.need)"'
check_same cordoned "its part says why" part_of n3
check_same "n1=2.0.0 n2=2.0.0 n3=1.0.0" "it was left in peace" fleet_versions echo
check "what it misses is no difference" fleet_cli check
check_same n3 "check names it" fleet_json '[.cordoned[].node] | join(" ")' check

# Coordinator and agent start again: nothing is forgotten, and nothing is given to it too early.
fleet_kill lockstepd KILL
fleet_kill agent-n3 KILL
check "the coordinator starts again" fleet_start_coordinator
check "the agent starts again" fleet_start_agent n3
check_eventually "all are back" fleet_ready n1 n2 n3
check_same "true 1.0.0" "it is cordoned still, and on version 1" \
    fleet_json '"\(.cordoned) \(.status[] | select(.module == "echo") | .version)"' node show n3
check "the cordon ends" fleet_cli node uncordon n3 -m "new disk"
check "that is audited" audited node.uncordon n3 "new disk"
check_eventually "it is given what it missed" runs n3 2.0.0
check_eventually "the fleet is consistent" fleet_cli check
check_same 3 "it counts again" fleet_json .n plan --strategy sync_all echo@1.0.0

# Undone while it was cordoned: it never gets what was taken back.
check "n3 is cordoned again" fleet_cli node cordon n3
check "a version goes by" fleet_reload echo@1.0.0 --soak 0
check "and is undone" fleet_cli undo echo -y --no-quarantine
check "the cordon ends" fleet_cli node uncordon n3
check_eventually "the fleet is consistent" fleet_cli check
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "on what it went back to" fleet_versions echo

# Away while it is cordoned, which is what cordons are for.
check "n3 is cordoned" fleet_cli node cordon n3
fleet_kill agent-n3
fleet_needs "n3 is seen to be away" fleet_until fleet_absent n3
check "that is no difference either" fleet_cli check
check_same 0 "and no alarm" fleet_json '.alarms | length' status
check "sync_all succeeds" fleet_reload echo@1.0.0 --soak 0
check "the cordon ends" fleet_cli node uncordon n3
check_status 3 "now it is missed" fleet_cli check
check "n3 comes back" fleet_start_agent n3
check_eventually "it is given what it missed" runs n3 1.0.0
check_eventually "the fleet is consistent" fleet_cli check

# Not under an operation that counts on it: n2 is asked, and cannot answer.
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@2.0.0 --soak 0 --detach
check_status 5 "n1 is in its roster" fleet_cli node cordon n1
check_says 'next: lockstep op watch op-' "what to do is said" fleet_cli node cordon n1
kill -s CONT "$(fleet_pid agent-n2)"
check "it succeeds" fleet_cli op wait "$(fleet_operation .short)"
check "now it can be cordoned" fleet_cli node cordon n1
check "and uncordoned" fleet_cli node uncordon n1
check_eventually "the fleet is consistent" fleet_cli check

check "the audit trail is whole" fleet_cli audit verify
fleet_end
