#!/usr/bin/env bash
# Drifted nodes are moved to what the majority runs, one after the other; and where there is no
# majority, or a bad one, nothing is moved.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# drift VERSION NODE…: they run it, and are recorded to run something else.
drift() {
    local node
    for node in "${@:2}"; do
        fleet_cli reload "echo@$1" --strategy local --node "$node" --pin 1s --soak 0 -y || return
    done >"$FLEET/log/drift"
    fleet_until are_drifted $(($# - 1))
}

are_drifted() { # are_drifted COUNT
    [ "$(fleet_json '[.differences[] | select(.kind == "other-version")] | length' check echo)" = "$1" ]
}

reconcile() {
    fleet_cli reconcile echo -y --soak 300ms "$@"
}

# How many nodes are under way at most while the newest reconcile runs; ends with it.
most_at_once() {
    local most=0 now state
    while :; do
        read -r state now < <(fleet_operation_of reconcile \
            '"\(.state) \([.parts[] | select(.state == "committing" or .state == "soaking")] | length)"')
        [ "$now" -le "$most" ] || most=$now
        [ "$state" = committing ] || break
    done
    echo "$most"
}

generation() { # generation NODE
    fleet_json ".rows[] | select(.node == \"$1\") | .generation" module status echo
}

verdict() {
    fleet_json '.modules[0].reconcile.verdict' check echo
}

parts() { # parts KIND: "n1=healthy …" of the newest
    fleet_operation_of "$1" '[.parts[] | "\(.node)=\(.state)"] | join(" ")'
}

is_state() { # is_state STATE: of the newest reconcile
    [ "$(fleet_operation_of reconcile .state)" = "$1" ]
}

part_is() { # part_is NODE STATE
    [ "$(fleet_operation_of reconcile ".parts[] | select(.node == \"$1\") | .state")" = "$2" ]
}

# begin OPTION…: a reconcile of echo whose command is watched.
begin() {
    : >"$FLEET/log/reconcile"
    fleet_cli reconcile echo -y "$@" >"$FLEET/log/reconcile" 2>&1 &
    reconcile=$!
}

says() { # says REGEX: the command says so, while it runs
    fleet_wait_line "$FLEET/log/reconcile" "$1" "$reconcile" >/dev/null
}

operations() {
    fleet_json '.operations | length' op ls
}

# with_probe NODE PROGRAM: its agent tries modules out with that.
with_probe() {
    fleet_kill "agent-$1" TERM
    fleet_node_folder "$1" "$FLEET_SETTINGS"
    [ -z "$2" ] || printf 'probe: %s\n' "$2" >>"$FLEET/$1/agent.yaml"
    fleet_start_agent "$1" && fleet_until fleet_ready "$1"
}

go_away() { # go_away NODE
    local host
    host=$(fleet_host "$1")
    fleet_kill "agent-$1" KILL
    kill -s KILL "$host"
    fleet_until fleet_absent "$1"
}

all_on() { # all_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1 n2=$1 n3=$1 n4=$1 n5=$1" ]
}

fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "echo is installed" fleet_install echo@1.0.0

# ---- what was typed ----
check_status 2 "an unknown module is none" fleet_cli reconcile eco
check_status 2 "a version that there is not is none" fleet_cli reconcile echo --to 9.9.9
check_status 2 "--to is for one module" fleet_cli reconcile --to 1.0.0
check_status 2 "--to and --rule are two ways" fleet_cli reconcile echo --to 1.0.0 --rule majority
check_status 2 "to move nobody is nothing to ask for" fleet_cli reconcile echo --max-changes 0
check_status 2 "rules are two" fleet_cli reconcile echo --rule plurality
check_says "auto|majority" "and are named" fleet_cli reconcile echo --rule plurality
check_status 2 "rolling is of a reconcile alone" fleet_cli reload echo@2.0.0 --strategy rolling -y
check_status 0 "where nothing differs nothing is done" fleet_cli reconcile
check_says "nothing to do" "and that is said" fleet_cli reconcile echo
check_same 1 "no operation was opened" operations

# ---- 3-2: two are repaired, one after the other ----
check "two of five drift" drift 2.0.0 n4 n5
check_same repair "check says what would be done" verdict
before="$(generation n1) $(generation n4)"
count=$(operations)
check_status 0 "what it would do can be seen" fleet_cli reconcile echo --dry-run
check_says "3 of 5 run 1.0.0, and 2 can be moved to it" "in words" \
    fleet_cli reconcile echo --dry-run
check_same "$count" "without doing it" operations
fleet_needs "two callers call" fleet_callers echo.say n3 n4
begin --soak 1s -m "night shift"
check "it begins" says committing
check_status 5 "meanwhile nobody else takes the module" fleet_reload echo@2.0.0
check_same 1 "one node is under way at a time" most_at_once
check "the command ends well" wait "$reconcile"
check_same "n4=healthy n5=healthy" "it was for the two alone" parts reconcile
check "all run one version" all_on 1.0.0
check "which is consistent" fleet_cli check echo
check_same "${before% *}" "who ran it was left alone" generation n1
check "and who did not has a newer generation" [ "${before#* }" -lt "$(generation n4)" ]
check_same "reconcile night shift" "history says what and why" \
    fleet_json '.operations[0] | "\(.kind) \(.message)"' history echo
check_calls "no call was lost, failed or mixed" n3 n4

# ---- only some of them ----
check "two of five drift again" drift 2.0.0 n4 n5
check "one is moved" reconcile --max-changes 1
check_same "n4=1.0.0 n5=2.0.0" "and no more" fleet_versions_of echo n4 n5
check "it drifts once more" drift 2.0.0 n4
check_eventually "as n5 has all the time" are_drifted 2
check "one is named" reconcile --node n5
check_same "n4=2.0.0 n5=1.0.0" "and it is moved" fleet_versions_of echo n4 n5
check_says "4 of 5 run 1.0.0, and 1 can be moved" "the rest can be seen" fleet_cli reconcile echo --dry-run
check "and follows" reconcile --max-changes 100%
check "all run one version" all_on 1.0.0

# ---- 2-2-1, 2-2: nothing ----
check "two of five go their own way" fleet_reload echo@2.0.0 --soak 0 --node n3 --node n4
fleet_needs "n5 goes away" go_away n5
count=$(operations)
check_status 5 "2-2-1 is no majority" reconcile
check_says "no version is known to run on more than half of 5" "and that is said" reconcile
check_says "lockstep reconcile echo --to VERSION" "with what a person may type" reconcile
fleet_needs "n5 comes back" fleet_start_agent n5
fleet_needs "and is ready" fleet_until fleet_ready n5
check "n5 is cordoned" fleet_cli node cordon n5
check_status 5 "2-2 is none either" reconcile
check_same "$count" "nothing was opened" operations
check_same "n1=1.0.0 n2=1.0.0 n3=2.0.0 n4=2.0.0" "and nothing changed" \
    fleet_versions_of echo n1 n2 n3 n4
check "n5 is cordoned no more" fleet_cli node uncordon n5
check_status 0 "3-2 is one, whatever is recorded of each" reconcile
check "all run one version" all_on 1.0.0
check "and are recorded to" fleet_cli check echo

# ---- what is recorded against what most run ----
check "three of five drift" drift 2.0.0 n3 n4 n5
check_status 5 "who is right a person has to say" reconcile
check_says "3 of 5 run 2.0.0, and 1.0.0 is recorded" "both are shown" reconcile
check_same "n1=1.0.0 n2=1.0.0 n3=2.0.0 n4=2.0.0 n5=2.0.0" "and nothing changed" \
    fleet_versions echo
check_status 0 "the majority can be followed" reconcile --rule majority
check "all run one version" all_on 2.0.0
check "and are recorded to" fleet_cli check echo

# ---- a majority on a quarantined version is never followed ----
check "two of five drift" drift 1.0.0 n4 n5
check "the version of the others is quarantined" fleet_cli artifact quarantine echo@2.0.0
check_same quarantined "check says so" verdict
check_status 4 "it is not followed" reconcile
check_status 4 "by no rule" reconcile --rule majority
check_status 4 "nor by name" reconcile --to 2.0.0
check_same "n4=1.0.0 n5=1.0.0" "and nothing changed" fleet_versions_of echo n4 n5
check_status 0 "from it they can be moved" reconcile --to 1.0.0
check "all run one version" all_on 1.0.0
check "and are recorded to" fleet_cli check echo
check "it is quarantined no more" fleet_cli artifact unquarantine echo@2.0.0

# ---- failures ----
fleet_needs "n1 cannot try modules out" with_probe n1 /bin/false
check_status 3 "one that cannot is borne" reconcile --to 2.0.0 --detailed-exitcode
check_same "n1=refused n2=healthy n3=healthy n4=healthy n5=healthy" "and the others have it" \
    parts reconcile
check_same "n1=1.0.0" "it goes on with what it ran" fleet_versions_of echo n1
check "with its probe mended" with_probe n1 ""
check_eventually "n1 is all that differs" are_drifted 1
check_status 0 "and follows" reconcile
check "all run one version" all_on 2.0.0
fleet_needs "n1 cannot try modules out" with_probe n1 /bin/false
fleet_needs "nor can n3" with_probe n3 /bin/false
check_status 7 "the second failure ends it" reconcile --to 1.0.0
check_same "n1=refused n2=healthy n3=refused n4=skipped n5=skipped" "nobody else is asked" \
    parts reconcile
check_same "failed-mixed" "it is mixed" fleet_operation_of reconcile .result
fleet_needs "n1 can again" with_probe n1 ""
fleet_needs "n3 can again" with_probe n3 ""
check_status 0 "so all can be moved" reconcile --to 1.0.0
check "all run one version" all_on 1.0.0
check "and are recorded to" fleet_cli check echo

# A host that dies while it is watched is the first failure, too; the node is given it once more.
begin --to 2.0.0 --soak 2s
check "n1 is watched" says 'soaking 1'
kill -s KILL "$(fleet_host n1)"
check "the others go on" wait "$reconcile"
check_eventually "and n1 has caught up" part_is n1 healthy
check "all run one version" all_on 2.0.0

# ---- away, ended, and a coordinator that dies ----
fleet_needs "n5 goes away" go_away n5
check_status 3 "who is away is owed it" reconcile --to 1.0.0 --detailed-exitcode
check "n5" part_is n5 owed
fleet_needs "n5 comes back" fleet_start_agent n5
check_eventually "and gets it" part_is n5 healthy
check "all run one version" all_on 1.0.0

begin --to 2.0.0 --soak 2s
check "n1 is watched" says 'soaking 1'
check "it can be ended" fleet_cli op abort "$(grep -om 1 'op-[a-z0-9]*' "$FLEET/log/reconcile")"
check_status 7 "which its command says" wait "$reconcile"
check_eventually "who had begun is through" part_is n1 healthy
check_eventually "nobody else is asked" is_state failed-mixed
check_same "n1=healthy n2=skipped n3=skipped n4=skipped n5=skipped" "of all" parts reconcile

begin --to 2.0.0 --soak 1s
check "the first is through" says 'healthy 1'
fleet_kill lockstepd KILL
fleet_needs "the coordinator is back" fleet_start_coordinator
check_eventually "it goes on where it was" is_state succeeded
check "all run one version" all_on 2.0.0
check "and are recorded to" fleet_cli check echo
check "the audit trail is whole" fleet_cli audit verify
fleet_end
