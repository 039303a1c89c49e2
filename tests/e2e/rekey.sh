#!/usr/bin/env bash
# A host built anew comes under a name that is taken, with a new key: it waits until a person has
# decided, and the node that is there goes on until then; between operations and in the middle of them.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# A machine for NODE in a folder of its own, with a token: nothing of the one before is on it.
make_machine() { # make_machine NODE FOLDER
    fleet_node_folder "$2" "$FLEET_SETTINGS"
    sed -i "s#^name: .*#name: $1#" "$FLEET/$2/agent.yaml"
    (umask 077 && fleet_cli token create --join "$1" >"$FLEET/$2/token" 2>"$FLEET/$2/said")
}

start_machine() { # start_machine FOLDER LINE [ARGUMENT...]: until it says LINE
    fleet_start "agent-$1" "$2" "$FLEET_BIN/lockstep-agent" --config "$FLEET/$1/agent.yaml" "${@:3}"
}

waits() { # waits NODE FOLDER: a new machine comes, and waits
    make_machine "$1" "$2" && start_machine "$2" 'this node waits' --join "$FLEET/$2/token"
}

# It is gone, with its hosts and all that it had.
scrap() { # scrap FOLDER
    local pid
    fleet_kill "agent-$1" KILL
    for pid in $(fleet_leftovers); do
        grep -q -F -- "$FLEET/$1/" "/proc/$pid/cmdline" "/proc/$pid/environ" 2>/dev/null && kill -s KILL "$pid"
    done
    rm -rf "${FLEET:?}/$1"
}

told() { # told FOLDER TEXT: its agent's log says so
    grep -q -F -- "$2" "$FLEET/log/agent-$1"
}

state_of() { # state_of NODE
    fleet_json .state node show "$1"
}

is() { # is NODE STATE
    [ "$(state_of "$1")" = "$2" ]
}

key_of() { # key_of NODE: the one that waits
    fleet_json .rekey.key node show "$1"
}

audited() { # audited WHAT SUBJECT MESSAGE
    fleet_json "[.rows[] | select(.what == \"$1\" and .subject == \"$2\") | .detail] | last" audit --limit 100 |
        grep -q -F -- "$3"
}

runs() { # runs NODE VERSION
    [ "$(fleet_versions_of echo "$1")" = "$1=$2" ]
}

part_of() { # part_of NODE: what the newest operation says of it
    fleet_operation ".parts[] | select(.node == \"$1\") | .state"
}

voted() { [ "$(part_of "$1")" = prepared ]; }
committing() { [ "$(fleet_operation .state)" = committing ]; }

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- it waits -------------------------------------------------------------------------------------

check_same 3 "nobody waits" fleet_json '[.nodes[] | select(.rekey == null)] | length' node ls
check_status 4 "so nobody can be admitted" fleet_cli node admit n3
check_says 'no key waits for the place of node n3' "that is said" fleet_cli node admit n3
check_status 5 "a node that is there keeps its labels" fleet_cli token create --join n3 -l env=prod
check_same true "a token for a name that is taken says so" fleet_json .taken token create --join n3
check_same false "one for another name does not" fleet_json .taken token create --join n8
fleet_needs "people in the fleet call tools" fleet_callers echo.say n1 n2
fleet_needs "a host built anew comes as n3, and waits" waits n3 new
check_says 'n3 is in the fleet: it goes on' "who made its token was told" cat "$FLEET/new/said"
check_says 'next: lockstep node admit n3' "and what comes then" cat "$FLEET/new/said"
check "its log says what it waits for" told new "lockstep node admit n3 lets it in"
check_same rekey-pending "the node is shown so" state_of n3
check_says '^n3 +rekey-pending' "in the list too" fleet_cli node ls
check_says 'KEY-WAITS +SINCE +FROM' "the wide one says what waits" fleet_cli -o wide node ls
check_says "^key waiting: +$(key_of n3)" "and so does node show" fleet_cli node show n3
check_same "64 true 127.0.0.1 ready true" "scripts get the key, since when, where from, and who is there" \
    fleet_json '.rekey | "\(.key | length) \(.since_unix_ms > 1e12) \(.address | split(":")[0]) \(.before) \(.key != .key_before)"' \
    node show n3
check "its log names the same key" told new "its key is $(key_of n3 | cut -c 1-16)"
check_same rekey-pending "status alarms" fleet_json '[.alarms[] | select(.node == "n3") | .code] | join(" ")' status
check "the trail says who came" audited node.rekey-pending n3 "it came from 127.0.0.1"
check_says 'node.rekey-pending' "and so do events" fleet_cli events --limit 100
check "the node that is there is reloaded with the others" fleet_reload echo@2.0.0 --soak 0
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "it does what it did" fleet_versions echo
check_same "" "who waits has nothing" ls -A "$FLEET/new/data/store"

# ---- who may decide, and about what -----------------------------------------------------------------

check_status 2 "there is no node n9" fleet_cli node admit n9
check_status 2 "a node is to be named" fleet_cli node admit
check_status 2 "and one only" fleet_cli node admit n3 n2
check_status 4 "for n1 nobody waits" fleet_cli node admit n1
check_status 2 "what is no key is none" fleet_cli node admit n3 --key web-3
check_status 2 "three digits are too few" fleet_cli node admit n3 --key "$(key_of n3 | cut -c 1-3)"
check_status 5 "another key does not wait" fleet_cli node admit n3 --key "$(key_of n3 | tr 0-9a-f 1-9a-f0)"
check_same rekey-pending "nothing was decided" state_of n3

# A token that was stolen after its use, and one before: neither gets anywhere.
fleet_node_folder thief "$FLEET_SETTINGS"
sed -i 's#^name: .*#name: n3#' "$FLEET/thief/agent.yaml"
before=$(key_of n3)
check "a used token is used" start_machine thief 'the join token was used already' --join "$FLEET/new/token"
scrap thief
make_machine n3 thief
for _ in 1 2 3 4 5 6; do
    fleet_kill agent-thief
    check "while one waits, no other does" start_machine thief 'another key waits for this name' --join "$FLEET/thief/token"
done
check_same "$before" "the first one stays" key_of n3
scrap thief
id=$(fleet_json '[.tokens[] | select(.node == "n3" and .state == "used")] | last | .id' token ls)
check_says 'next: lockstep node admit n3 --refuse' "its token is not revoked, but refused" fleet_cli token revoke "$id"

fleet_kill lockstepd KILL
check "the coordinator starts again" fleet_start_coordinator
fleet_back() { [ "$(fleet_json '[.nodes[] | select(.state == "ready" or .rekey.before == "ready")] | length' node ls)" = 3 ]; }
check_eventually "all are back" fleet_back
check_same "$before" "the key waits still" key_of n3
fleet_kill agent-new KILL
check "the machine starts again, without its token" start_machine new 'this node waits'
check_same rekey-pending "and waits" state_of n3

# ---- admitted ---------------------------------------------------------------------------------------

check "n3's new key is admitted" fleet_cli node admit n3 --key "${before:0:12}" -m "its disk died"
check "that is audited" audited node.admit n3 "its disk died"
check_eventually "the old machine is cut off" told n3 "refused: another machine has this node's place"
check_eventually "the new one is let in by itself" told new "ready: the coordinator counts this node"
check_eventually "and brought what n3 is to run" runs n3 2.0.0
check_eventually "n3 is ready" is n3 ready
check_same null "nobody waits any more" fleet_json .rekey node show n3
check_same 3 "it is the third node still" fleet_json '[.nodes[] | select(.member)] | length' node ls
check_eventually "the fleet is consistent" fleet_cli check
check_status 4 "what it ran before it does not know, so there is no undo" fleet_cli undo echo -y
check_says 'n3 has no version of echo to go back to' "that is said" fleet_cli undo echo -y
fleet_callers_end n1 n2
check_same "0 0" "nobody else's calls were lost" echo "$LOST $FAILED"
check_status 4 "twice is once too often" fleet_cli node admit n3
fleet_kill lockstepd KILL
check "the coordinator starts again" fleet_start_coordinator
check_eventually "all are back" fleet_ready n1 n2 n3
fleet_kill agent-n3
check "the old key does not come back" start_machine n3 "refused: another machine has this node's place"
fleet_kill agent-n3 KILL
rm -f "$FLEET"/n3/data/journal.db*
(umask 077 && fleet_cli token create --join n3 >"$FLEET/n3/token" 2>/dev/null)
check "nor with another token" start_machine n3 'this key was cut off for good' --join "$FLEET/n3/token"
check_same ready "nobody waits for that" state_of n3
scrap n3

# ---- refused ----------------------------------------------------------------------------------------

fleet_needs "another machine comes as n3" waits n3 other
check "it is refused" fleet_cli node admit n3 --refuse -m "not ours"
check "that is audited" audited node.refuse n3 "not ours"
check_same ready "n3 is what it was" state_of n3
check_eventually "the machine is told" told other "refused: this key was refused"
check_status 4 "it cannot be admitted any more" fleet_cli node admit n3
scrap other
fleet_needs "one more comes" waits n3 other
check_same rekey-pending "and waits" state_of n3
check "n3 is revoked meanwhile" fleet_cli node revoke n3 -m "stolen"
check_same revoked "with who wanted to be it" state_of n3
check_same null "nobody waits for its place" fleet_json .rekey node show n3
check_status 2 "there is no such place" fleet_cli node admit n3
check_eventually "its machine is told" told other "refused: this key was refused"
scrap other
scrap new
check "n3 joins as a new node" fleet_node n3
check "and gets what is placed on it" fleet_reload echo@2.0.0 --soak 0
check_eventually "the fleet is consistent" fleet_cli check

# Two agents have its key and neither is let in: a machine with a key of its own is the way out.
fleet_kill agent-n3
mkdir -p "$FLEET/twin/run" "$FLEET/twin/modules"
cp -r "$FLEET/n3/data" "$FLEET/twin/data"
sed "s#$FLEET/n3/#$FLEET/twin/#" "$FLEET/n3/agent.yaml" >"$FLEET/twin/agent.yaml"
check "n3 starts again" fleet_start_agent n3
check "and so does its twin" start_machine twin 'connected to'
check_eventually "they are found out" is n3 fenced
fleet_needs "a host built anew comes as n3, and waits" waits n3 own
check_same "rekey-pending fenced" "the node is shown so" \
    fleet_json '"\(.state) \(.rekey.before)"' node show n3
check "it is admitted" fleet_cli node admit n3 -m "the others are cloned"
check_eventually "it is ready" is n3 ready
check_eventually "and runs what n3 is to run" runs n3 2.0.0
check_eventually "one of the twins is told" told n3 "refused: another machine has this node's place"
check_eventually "so is the other" told twin "refused: another machine has this node's place"
scrap n3
scrap twin
check_eventually "the fleet is consistent" fleet_cli check

# ---- in the middle of operations ----------------------------------------------------------------------

# Between its YES and the decision, which waits for n2: all are needed.
fleet_needs "a host built anew comes as n3, and waits" waits n3 new
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@1.0.0 --soak 0 --detach
check_eventually "the n3 that is there has voted yes" voted n3
check "the new one is admitted" fleet_cli node admit n3
check_status 6 "the operation is aborted" fleet_cli op wait "$(fleet_operation .short)"
check_same "aborted n3 REVOKED" "because of it" fleet_operation '"\(.result) \(.cause.node) \(.cause.code)"'
kill -s CONT "$(fleet_pid agent-n2)"
check_same "n1=2.0.0 n2=2.0.0" "nobody has changed" fleet_versions_of echo n1 n2
check_eventually "the new n3 is ready" is n3 ready
check_eventually "and runs what it is to run" runs n3 2.0.0
check_eventually "the fleet is consistent" fleet_cli check
scrap own

# The same, when a majority is enough: it is owed.
fleet_needs "a host built anew comes as n3, and waits" waits n3 newer
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_cli reload echo@1.0.0 --strategy quorum -y --soak 0 --detach
check_eventually "the n3 that is there has voted yes" voted n3
check "the new one is admitted" fleet_cli node admit n3
check_eventually "the new n3 has voted too" voted n3
kill -s CONT "$(fleet_pid agent-n2)"
check "the operation succeeds" fleet_cli op wait "$(fleet_operation .short)"
check_eventually "the new n3 has what it brought" runs n3 1.0.0
check_eventually "the fleet is consistent" fleet_cli check
scrap new

# After COMMIT, before its read-back: it is not waited for, and the new one is owed.
fleet_needs "a host built anew comes as n3, and waits" waits n3 newest
kill -s STOP "$(fleet_pid agent-n2)"
check "an operation begins" fleet_reload echo@2.0.0 --soak 0 --detach
check_eventually "the n3 that is there has voted yes" voted n3
kill -s STOP "$(fleet_pid agent-newer)"
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "it is decided" committing
check "the new n3 is admitted" fleet_cli node admit n3
check "the operation succeeds" fleet_cli op wait "$(fleet_operation .short)"
check_eventually "the new n3 has what it brought" runs n3 2.0.0
check_eventually "the fleet is consistent" fleet_cli check
kill -s CONT "$(fleet_pid agent-newer)"
check_eventually "the old one is told when it wakes" told newer "refused: another machine has this node's place"

scrap newer

# Long after: the operation that brought it is over, and has to be found again, also by a coordinator
# that dies in between. What is newer stays.
fleet_kill lockstepd
check "the coordinator starts again" fleet_start_coordinator
check_eventually "all are back" fleet_ready n1 n2 n3
check "another version goes by" fleet_reload echo@1.0.0 --soak 0 --rollback-window 100ms
check "and one comes" fleet_reload echo@2.0.0 --soak 0 --rollback-window 100ms
final() { [ "$(fleet_operation .final)" = true ]; }
check_eventually "which is over" final
check_same '[]' "nothing is in memory of it" fleet_json '.operations | tojson' node show n3
fleet_needs "a host built anew comes as n3, and waits" waits n3 last
kill -s STOP "$(fleet_pid agent-last)"
check "it is admitted" fleet_cli node admit n3
check_same owed "it is owed what the one before ran" part_of n3
fleet_kill lockstepd KILL
check "the coordinator starts again" fleet_start_coordinator
check_same owed "and still is" part_of n3
kill -s CONT "$(fleet_pid agent-last)"
check_eventually "it is brought" runs n3 2.0.0
check_eventually "the fleet is consistent" fleet_cli check

check "the audit trail is whole" fleet_cli audit verify
fleet_end
