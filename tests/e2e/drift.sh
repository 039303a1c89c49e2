#!/usr/bin/env bash
# Every class of check, made for real: files changed on disk, agents stopped, hosts killed, nodes put
# back to what they were. And what mends each of them.
set -u
. "$(dirname "$0")/../support/fleet.sh"

found() { # found MODULE: "n1:missing n2:stale", of the differences
    fleet_json '[.differences[] | "\(.node // "-"):\(.kind)"] | sort | join(" ")' check "$1"
}

is_found() { # is_found MODULE DIFFERENCES
    [ "$(found "$1")" = "$2" ]
}

first_pin() {
    fleet_cli -o jsonl events echo --limit 1000 | jq -r 'select(.what == "node.pin") | "\(.what) \(.subject) \(.text)"' |
        head -n 1
}

unpins() {
    fleet_cli -o jsonl events echo --limit 1000 | jq -r 'select(.what == "node.unpin") | .subject' | grep -c '^echo on n2$'
}

text_of() { # text_of MODULE [OPTION...]: check's one line
    fleet_json '.text' check "$@"
}

next_of() { # next_of MODULE KIND: what check says to type
    fleet_json "[.differences[] | select(.kind == \"$2\") | .next] | first" check "$1"
}

says() { # says TEXT MODULE [OPTION...]
    [ "$(text_of "${@:2}")" = "$1" ]
}

# mend MODULE KIND: types what check says, and does not ask.
mend() {
    local next
    next=$(next_of "$1" "$2")
    case $next in
    "lockstep reload "*) next="$next --soak 0 -y" ;;
    "lockstep undo "*) next="$next -y" ;;
    esac
    # shellcheck disable=SC2086 # words of a command
    fleet_cli ${next#lockstep }
}

quarantined_pin() {
    local status=0
    fleet_cli artifact quarantine echo@1.0.0 >/dev/null || return
    fleet_cli node pin n3 echo@1.0.0 || status=$?
    fleet_cli artifact unquarantine echo@1.0.0 >/dev/null
    return "$status"
}

stop_node() { # stop_node NODE: its agent and its host
    local host
    host=$(fleet_host "$1")
    fleet_kill "agent-$1" KILL
    [ -z "$host" ] || kill -s KILL "$host"
    fleet_until fleet_absent "$1"
}

forget_version() { # forget_version VERSION
    fleet_kill lockstepd KILL
    sqlite3 "$FLEET/coordinator/journal.db" "DELETE FROM artifact WHERE version = '$1'" &&
        fleet_start_coordinator && fleet_until fleet_ready n1 n2 n3
}

start_node() {
    fleet_start_agent "$1" && fleet_until fleet_ready "$1"
}

# A report is old after three heartbeats: long enough that none is, by chance, on a busy machine. A
# node that says nothing is gone after twenty. The agents have a module_path.
settings=${FLEET_SETTINGS/heartbeat: 100ms/heartbeat: 400ms}
fleet_begin
fleet_needs "the coordinator is ready" fleet_coordinator "$settings"
for node in n1 n2 n3; do
    mkdir -p "$FLEET/$node/disk"
    fleet_needs "$node is ready" fleet_node "$node" "module_path:
  - $FLEET/$node/disk
$settings"
done
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "echo is installed" fleet_install echo@1.0.0
check_eventually "all are as they are to be" is_found echo ""
check_eventually "and check says so" says "consistent: 3 of 3" echo
check_same 3 "by class" fleet_json '.classes.ok' check echo
check_status 2 "of a first version there is none before" fleet_cli diff echo

# A file on a disk that is not what runs.
cp "$FLEET_GOOD/echo-2.so" "$FLEET/n2/disk/echo.so"
check_eventually "a file changed on disk is found" is_found echo "n2:disk-differs"
check_status 3 "that is a difference" fleet_cli check echo
check_says "it runs 1.0.0, and the file in its module_path is 2.0.0" "and told" fleet_cli check echo
check_same "1.0.0 2.0.0" "what is on the disk can be compared with what runs" \
    fleet_json '"\(.a.version) \(.b.version)"' diff echo current disk
check "what to type next shows it" mend echo disk-differs
cp "$FLEET_GOOD/echo-1.so" "$FLEET/n2/disk/echo.so"
check_eventually "with the file put right it is none" is_found echo ""
rm "$FLEET/n2/disk/echo.so"
check_eventually "and a file that is gone is none" is_found echo ""

# Who is away.
stop_node n3
check_eventually "who is away is unknown" is_found echo "n3:unknown"
check_eventually "which is no more than so far" says "consistent so far: 2 of 3" echo
check_status 3 "and no consistency" fleet_cli check echo
check_status 4 "it is not pinned either, to what it may not run" fleet_cli node pin n3 echo@1.0.0
check_eventually "leaving it out is" fleet_cli check echo --reachable
check_eventually "and says so" says "consistent: 2 of 2, 1 that cannot be reached left out" \
    echo --reachable
fleet_needs "n3 comes back" start_node n3
check_eventually "and is known again" is_found echo ""

# An agent that says nothing: first its report is old.
kill -s STOP "$(fleet_pid agent-n2)"
check_eventually "a report grows old" is_found echo "n2:stale"
check_eventually "and what it says is not believed" says "consistent so far: 2 of 3" echo
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "until the node speaks again" is_found echo ""

# A node that was put back to what it was: its disk was restored from a copy.
stop_node n1
cp -a "$FLEET/n1/data" "$FLEET/n1/copy"
fleet_needs "n1 comes back" start_node n1
check_eventually "as it was" is_found echo ""
check "all go to version 2" fleet_reload echo@2.0.0 --soak 0 --rollback-window 0
check "the version before can be compared" fleet_cli diff echo
check_status 3 "which differs" fleet_cli diff echo --detailed-exitcode
check_same "1.0.0 2.0.0 true" "in its version" \
    fleet_json '.rows[] | select(.fact == "version") | "\(.a) \(.b) \(.differs)"' diff echo
check_status 0 "from itself nothing differs" fleet_cli diff echo 2.0.0 current --detailed-exitcode
check_status 2 "with what nobody pushed nothing is compared" fleet_cli diff echo 9.9.9
check "and counter comes" fleet_install counter@1.0.0
check_eventually "all are as they are to be" is_found echo ""
stop_node n1
rm -r "$FLEET/n1/data"
mv "$FLEET/n1/copy" "$FLEET/n1/data"
fleet_needs "n1 comes back as it was before" start_node n1
check_eventually "it runs another version" is_found echo "n1:other-version"
check_eventually "and misses a module" is_found counter "n1:missing"
check_says "not consistent" "which is told" fleet_cli check
check "what check says to type mends the version" mend echo other-version
check "and the module" mend counter missing
check_eventually "both are as they are to be" fleet_cli check

# A node that goes on with what all others have gone back from.
stop_node n3
cp -a "$FLEET/n3/data" "$FLEET/n3/copy"
fleet_needs "n3 comes back" start_node n3
check "a first deployment is undone" fleet_cli undo counter --no-quarantine -y
check_eventually "nobody runs it" is_found counter ""
stop_node n3
rm -r "$FLEET/n3/data"
mv "$FLEET/n3/copy" "$FLEET/n3/data"
fleet_needs "n3 comes back as it was before" start_node n3
check_eventually "it runs what it is not to run" is_found counter "n3:extra"
check_eventually "and its own majority does not make that right" \
    says "not consistent: 0 of 1" counter
check "what check says to type takes it out" mend counter extra
check_eventually "and nobody runs it" is_found counter ""

# Not all are to run one version.
check "two of three go back" fleet_reload echo@1.0.0 --soak 0 --node n1 --node n2
check_eventually "that is no one version" is_found echo "-:split"
check_status 3 "which is a difference" fleet_cli check echo
check_same "repair n3" "most run one, and check says what would follow them" \
    fleet_json '.modules[0].reconcile | "\(.verdict) \(.nodes | join(" "))"' check echo
check "which is what it says to type" mend echo split
check_eventually "and it is one" is_found echo ""

# Owed, and in doubt.
stop_node n3
check_status 3 "a quorum goes on without n3" \
    fleet_cli reload --strategy quorum echo@2.0.0 --soak 0 -y --detailed-exitcode
check_eventually "and owes it the version" is_found echo "n3:owed"
fleet_needs "n3 comes back" start_node n3
check_eventually "and is given it" is_found echo ""
fleet_reload echo@1.0.0 --soak 5s >"$FLEET/log/reload" 2>&1 &
reload=$!
check_eventually "while a reload is watched nothing is settled" \
    is_found echo "n1:in-doubt n2:in-doubt n3:in-doubt"
check_status 5 "and nobody is pinned" fleet_cli node pin n1 echo@2.0.0
wait "$reload"
check_eventually "and then it is" is_found echo ""

# Pins: set on what runs, or brought first; seen, kept over a restart, ended by time and by hand.
check "n1 is pinned to what it runs" fleet_cli node pin n1 echo@1.0.0 --for 1h -m "being watched"
check_same "echo 1.0.0 1.0.0" "the node shows it" \
    fleet_json '.pins[] | "\(.module) \(.version) \(.after_version)"' node show n1
check_eventually "pinned or not, all is well" is_found echo ""
check "n2 is pinned to what it does not run, and is brought there" \
    fleet_cli node pin n2 echo@2.0.0 --soak 0
check_same "n1=1.0.0 n2=2.0.0 n3=1.0.0" "it alone" fleet_versions echo
check_eventually "that is no difference" is_found echo ""
check_same "n1 n2" "check lists both" fleet_json '[.pinned[].node] | join(" ")' check echo
check_same "pinned pinned ok" "and the module shows them" \
    fleet_json '[.rows | sort_by(.node)[] | .state] | join(" ")' module show echo
check_status 4 "what is quarantined nobody is pinned to" quarantined_pin
check_status 2 "nor to what there is not" fleet_cli node pin n1 echo@9.9.9
check_status 2 "and no node that there is not" fleet_cli node pin n9 echo@1.0.0
fleet_kill lockstepd KILL
fleet_needs "the coordinator comes back" fleet_start_coordinator
fleet_needs "and its nodes" fleet_until fleet_ready n1 n2 n3
check_same "n1 n2" "with the pins" fleet_json '[.pinned[].node] | join(" ")' check echo
check "n2 is pinned for a moment" fleet_cli node pin n2 echo@2.0.0 --for 1s
check_eventually "when that is over it is drift" is_found echo "n2:other-version"
check_says "its pin is over: it runs 2.0.0 and is to run 1.0.0" "and check says why" \
    fleet_cli check echo
check "what check says to type brings it home" mend echo other-version
check_eventually "and all is well" is_found echo ""
check "n2 is brought elsewhere again" fleet_cli node pin n2 echo@2.0.0 --soak 0
check "and unpinned" fleet_cli node unpin n2 echo
check_eventually "which is drift at once" is_found echo "n2:other-version"
check_says "did you mean echo" "by the name of a module that there is" fleet_cli node unpin n2 ecoh
check_says "it was not pinned" "and no more than once" fleet_cli node unpin n2 echo

# A pin takes nobody out of a roster.
check "n2 is pinned again" fleet_cli node pin n2 echo@2.0.0
check_says "2 pinned are taken along, and pinned no more" "a plan says whose pins will end" \
    fleet_cli plan --strategy sync_all echo@1.0.0
check_same "n1 n2" "by name" fleet_json '.pinned | join(" ")' plan --strategy sync_all echo@1.0.0
check "a reload of all takes them along" fleet_reload echo@1.0.0 --soak 0
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "to where all are" fleet_versions echo
check_same 0 "and no pin is left" fleet_json '.pinned | length' check echo
check_eventually "all is well" is_found echo ""
# Other bytes under the same version: the coordinator has forgotten a version that it once brought,
# and is given another of that name; then the disk of a node that ran the first is put back.
check "all run a version" fleet_reload echo@2.0.0 --soak 0 --rollback-window 0
stop_node n2
cp -a "$FLEET/n2/data" "$FLEET/n2/copy"
fleet_needs "n2 comes back" start_node n2
check "all leave it" fleet_reload echo@1.0.0 --soak 0 --rollback-window 0
check "the coordinator forgets it" forget_version 2.0.0
check "it is built again" "$FLEET_BIN/lockstep-cc" -o "$FLEET/echo.so" -D_GNU_SOURCE \
    '-DECHO_VERSION="2.0.0"' -O0 "$FLEET_ROOT/tests/modules/echo.c"
check "and pushed" fleet_push "$FLEET/echo.so" --counter 50
check "all run the new one" fleet_reload echo@2.0.0 --soak 0 --rollback-window 0
stop_node n2
rm -r "$FLEET/n2/data"
mv "$FLEET/n2/copy" "$FLEET/n2/data"
fleet_needs "n2 comes back as it was before" start_node n2
check_eventually "it runs other bytes" is_found echo "n2:other-bytes"
check_says 'it runs .* with other bytes than those of echo@2.0.0' "and check says so" fleet_cli check echo
check "what check says to type mends it" mend echo other-bytes
check_eventually "and all is well" is_found echo ""

check_same "node.pin echo@1.0.0 on n1" "who pinned is in the audit trail" \
    fleet_json '[.rows[] | select(.what == "node.pin")][0] | "\(.what) \(.subject)"' audit --limit 1000

check_same "node.pin echo@1.0.0 on n1 being watched" "and among what happened to the module" first_pin
check_same "1" "where no more pin is told too" unpins

check "the audit trail is whole" fleet_cli audit verify
fleet_end
