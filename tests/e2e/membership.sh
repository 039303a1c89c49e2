#!/usr/bin/env bash
# Who belongs to the fleet is an operator's word: nodes that are cordoned, removed and revoked, and
# hosts that were built anew; between operations and in the middle of them.
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

# ---- a sign of life --------------------------------------------------------------------------------

check_says '^n1: [0-9]+\.[0-9]{3} ms$' "n1 answers, and how fast" fleet_cli node ping n1
check_same true "scripts are told too" fleet_json '.round_trip_us > 0 and .node == "n1"' node ping n1
check_status 2 "there is no node n9" fleet_cli node ping n9
kill -s STOP "$(fleet_pid agent-n3)"
check_status 124 "a node that hangs does not answer" fleet_cli node ping n3 --timeout 300ms
check_says 'connected and says nothing' "that is said" fleet_cli node ping n3 --timeout 300ms
kill -s CONT "$(fleet_pid agent-n3)"
check "it answers again" fleet_cli node ping n3

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
check_status 4 "it cannot be asked" fleet_cli node ping n3
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

# ---- removed: gone for good ------------------------------------------------------------------------

gone() { # gone NODE: its link is no more, and it is in no list
    [ -z "$(fleet_json ".nodes[] | select(.node == \"$1\") | .node" node ls)" ]
}

told() { # told NODE TEXT: its agent's log says so
    grep -q -F -- "$2" "$FLEET/log/agent-$1"
}

start_refused() { # start_refused NODE TEXT [ARGUMENT...]: an agent that is not let in
    fleet_start "agent-$1" "$2" "$FLEET_BIN/lockstep-agent" --config "$FLEET/$1/agent.yaml" "${@:3}"
}

# A host built anew: nothing is left of what it was.
build_anew() { # build_anew NODE
    local pid
    fleet_kill "agent-$1" KILL
    for pid in $(fleet_leftovers); do
        grep -q -F -- "$FLEET/$1/" "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null && kill -s KILL "$pid"
    done
    rm -rf "${FLEET:?}/$1"
}

check_status 4 "who is connected is not removed" fleet_cli node remove n3
check_says 'next: lockstep node revoke n3 -m' "what to do is said" fleet_cli node remove n3
fleet_kill agent-n3
fleet_needs "n3 is seen to be away" fleet_until fleet_absent n3
check_says 'n3 is in the fleet' "its name is taken, which a token for it says" fleet_cli token create --join n3
check_status 3 "check misses it" fleet_cli check
check "n3 is removed" fleet_cli node remove n3 -m "scrapped"
check "that is audited" audited node.remove n3 scrapped
check "it is in no list" gone n3
check_same removed "node show says what became of it" fleet_json .state node show n3
check_status 2 "there is no such node any more" fleet_cli node cordon n3
check "nobody misses it" fleet_cli check
check_same 2 "nor counts it" fleet_json .n plan --strategy sync_all echo@1.0.0
check "it does not get in again, and is told why" start_refused n3 'refused: this node was removed'
build_anew n3
check "its name is free: a host built anew joins" fleet_node n3
check_same "3 ready" "it counts" \
    fleet_json '"\([.nodes[] | select(.member)] | length) \(.nodes[] | select(.node == "n3") | .state)"' node ls
check "it gets what is placed on it" fleet_reload echo@1.0.0 --soak 0
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "like the others" fleet_versions echo

# ---- revoked: cut off, and for good ----------------------------------------------------------------

(umask 077 && fleet_cli token create --join n9 >"$FLEET/n9.token")
check_status 2 "why is to be said" fleet_cli node revoke n3
before=$(date +%s%N)
check "n3 is revoked" fleet_cli node revoke n3 -m "key stolen"
check "that is audited" audited node.revoke n3 "key stolen"
check_eventually "its link is cut" told n3 "refused: this node's key is revoked"
check "within a second" [ $(($(date +%s%N) - before)) -lt 1000000000 ]
check "it is in no list" gone n3
check_same revoked "node show says what became of it" fleet_json .state node show n3
check "nobody misses it" fleet_cli check
fleet_kill lockstepd KILL
check "the coordinator starts again" fleet_start_coordinator
check_eventually "the others are back" fleet_ready n1 n2
fleet_kill agent-n3
check "its key does not come back" start_refused n3 "refused: this node's key is revoked"
build_anew n3
check "the name does, with a new key" fleet_node n3
check "and gets what is placed on it" fleet_reload echo@2.0.0 --soak 0
check_eventually "the fleet is consistent" fleet_cli check

# A token for the name of a node that leaves lets nobody join.
fleet_needs "n4 joins" fleet_node n4
fleet_kill agent-n4
fleet_needs "n4 is seen to be away" fleet_until fleet_absent n4
check "n4 is removed" fleet_cli node remove n4
(umask 077 && fleet_cli token create --join n4 >"$FLEET/n4.token")
build_anew n4
check "another n4 joins" fleet_node n4
check "it is revoked" fleet_cli node revoke n4 -m "not ours"
build_anew n4
fleet_node_folder n4 "$FLEET_SETTINGS"
check "the older token for its name is dead" start_refused n4 'the join token was revoked' --join "$FLEET/n4.token"

# ---- in the middle of operations -------------------------------------------------------------------

# Between its YES and the decision, which waits for n2.
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@1.0.0 --soak 0 --detach
voted() { [ "$(part_of "$1")" = prepared ]; }
check_eventually "n3 has voted yes" voted n3
check "n3 is revoked" fleet_cli node revoke n3 -m "key stolen again"
check_status 6 "the operation is aborted" fleet_cli op wait "$(fleet_operation .short)"
check_same "aborted n3 REVOKED" "because of it" fleet_operation '"\(.result) \(.cause.node) \(.cause.code)"'
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "nobody has changed" fleet_cli check
check_same "n1=2.0.0 n2=2.0.0" "they run what they ran" fleet_versions_of echo n1 n2
build_anew n3
check "n3 is built anew" fleet_node n3
check "and brought up" fleet_reload echo@2.0.0 --soak 0

# After COMMIT, before its read-back: n3 has voted, is stopped, and the decision cannot reach it.
committing() { [ "$(fleet_operation .state)" = committing ]; }
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@1.0.0 --soak 0 --detach
check_eventually "n3 has voted yes" voted n3
kill -s STOP "$(fleet_pid agent-n3)"
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "it is decided" committing
check "n3 is revoked" fleet_cli node revoke n3 -m "no answer"
check "the operation succeeds without it" fleet_cli op wait "$(fleet_operation .short)"
check_same "succeeded-partial skipped REVOKED" "its part says why" \
    fleet_operation '"\(.result) \(.parts[] | select(.node == "n3") | .state + " " + .code)"'
check_same "n1=1.0.0 n2=1.0.0" "the others have it" fleet_versions_of echo n1 n2
check "nothing is owed" fleet_cli check
check_same 0 "and nothing alarms" fleet_json '.alarms | length' status
kill -s CONT "$(fleet_pid agent-n3)"
check_eventually "n3 is told when it wakes" told n3 "refused: this node's key is revoked"
build_anew n3

# Lost after COMMIT: mixed for as long as it might come back, and no longer.
check "n3 is built anew" fleet_node n3
check "and brought up" fleet_reload echo@1.0.0 --soak 0
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@2.0.0 --soak 0 --commit-deadline 300ms --detach
check_eventually "n3 has voted yes" voted n3
fleet_kill agent-n3 KILL
kill -s CONT "$(fleet_pid agent-n2)"
check_status 7 "the operation leaves the fleet mixed" fleet_cli op wait "$(fleet_operation .short)"
check "n3 is removed" fleet_cli node remove n3 -m "it is not coming back"
reloads_say() { [ "$(fleet_operation_of reload .result)" = "$1" ]; }
check_eventually "everybody who is left is back" reloads_say rolled-back
check "the fleet is consistent" fleet_cli check
check_same "n1=1.0.0 n2=1.0.0" "on what it ran" fleet_versions_of echo n1 n2
build_anew n3

# ---- a clone: two agents with one key --------------------------------------------------------------

check "n3 is built anew" fleet_node n3
fleet_kill agent-n3
mkdir -p "$FLEET/twin/run" "$FLEET/twin/modules"
cp -r "$FLEET/n3/data" "$FLEET/twin/data"
sed "s#$FLEET/n3/#$FLEET/twin/#" "$FLEET/n3/agent.yaml" >"$FLEET/twin/agent.yaml"
check "n3 starts again, as often as it likes" fleet_start_agent n3
fleet_kill agent-n3 KILL
check "and again" fleet_start_agent n3
check_eventually "it is let in" fleet_ready n3
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@2.0.0 --soak 0 --detach
check_eventually "n3 has voted yes" voted n3
check "its twin comes up" start_refused twin 'connected to'
fenced() { [ "$(fleet_json .state node show n3)" = fenced ]; }
check_eventually "they are found out" fenced
check_eventually "one is told" told n3 "refused: two agents have this node's key"
check_eventually "so is the other" told twin "refused: two agents have this node's key"
check "that is audited" audited node.fence n3 "two agents have its key"
check_same fenced "status alarms" fleet_json '[.alarms[] | select(.node == "n3") | .code] | join(" ")' status
check_status 6 "what needs its vote is aborted" fleet_cli op wait "$(fleet_operation .short)"
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "n2 is back" fleet_ready n2
check_same "n1=1.0.0 n2=1.0.0" "nobody has changed" fleet_versions_of echo n1 n2
fleet_kill agent-twin
fleet_kill agent-n3
fleet_kill lockstepd KILL
check "the coordinator starts again" fleet_start_coordinator
check "it is kept out still" start_refused n3 "refused: two agents have this node's key"
check "it is revoked" fleet_cli node revoke n3 -m cloned
build_anew n3
build_anew twin
check "and built anew" fleet_node n3
check "it gets what is placed on it" fleet_reload echo@1.0.0 --soak 0
check_eventually "the fleet is consistent" fleet_cli check

check "the audit trail is whole" fleet_cli audit verify
fleet_end
