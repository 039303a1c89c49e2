#!/usr/bin/env bash
# Reconciling without being asked: by nobody, said only, or done under a standing order; what lies
# behind the order is not done, and a node that drifts again and again is left alone.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# put VERSION NODE…: they run it; when their pins are over they are to run something else.
put() {
    local node
    for node in "${@:2}"; do
        fleet_cli reload "echo@$1" --strategy local --node "$node" --pin 1s --soak 0 -y || return
    done >"$FLEET/log/put"
}

differs() { # differs NODES: "n4 n5", of echo
    [ "$(fleet_json '[.differences[] | select(.kind == "other-version") | .node] | join(" ")' check echo)" = "$1" ]
}

drift() { # drift VERSION NODE…
    put "$@" && fleet_until differs "${*:2}"
}

all_on() { # all_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1 n2=$1 n3=$1 n4=$1 n5=$1" ]
}

runs() { # runs NODE VERSION
    [ "$(fleet_versions_of echo "$1")" = "$1=$2" ]
}

reconciles() { # how many there have been
    fleet_json '[.operations[] | select(.kind == "reconcile")] | length' op ls
}

mode() {
    fleet_json .reconcile.mode status
}

has_event() { # has_event WHAT SUBJECT
    fleet_cli -o jsonl events --limit 1000 | jq -r '"\(.what) \(.subject)"' | grep -qx "$1 $2"
}

has_alarm() { # has_alarm CODE NODE
    fleet_json '.alarms[] | "\(.code) \(.node)"' status | grep -qx "$1 $2"
}

# Seven looks of the coordinator: by then it has done what it is going to do.
looks() {
    local now
    now=$(fleet_json .unix_ms status)
    fleet_until is_later $((now + 1500))
}

is_later() {
    [ "$(fleet_json .unix_ms status)" -gt "$1" ]
}

FLEET_SETTINGS+="
  reconcile: 200ms"
fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "both are installed" fleet_install echo@1.0.0 counter@1.0.0

# ---- what was typed ----
check_status 2 "there are three modes" fleet_cli reconcile --mode on
check_status 2 "off is for all" fleet_cli reconcile echo --mode off
check_status 2 "auto is for modules that there are" fleet_cli reconcile eco --mode auto
check_same observe "nobody has said anything yet" mode

# ---- observe: said, not done ----
check "two of five drift" drift 2.0.0 n4 n5
check_eventually "what would be done is an event" has_event reconcile.due echo
check_same 0 "and nothing is" reconciles
check "nobody is to be told" fleet_cli reconcile --mode off -m "quiet"
check_same off "which is seen" mode

# ---- auto, for another module ----
check "auto is for one module" fleet_cli reconcile counter --mode auto -m "for the night"
check_same "auto counter 25" "which is seen" \
    fleet_json '.reconcile | "\(.mode) \(.modules | join(" ")) \(.max_changes_percent)"' status
looks
check_same 0 "the other is left alone" reconciles

# ---- auto ----
check "auto is for all" fleet_cli reconcile --mode auto --max-changes 20% -m "for the night"
check_eventually "the two are moved" all_on 1.0.0
check_eventually "and all is consistent" fleet_cli check echo
check_same 2 "one at a time: a pass moves a fifth of five" reconciles
check_same "coordinator" "nobody asked for it" \
    fleet_json '[.operations[] | select(.kind == "reconcile") | .who] | unique | join(" ")' op ls
check_says "standing order .* of admin" "and the order that permits it is named" \
    fleet_cli history echo
check "a node that drifts while the coordinator is away" put 2.0.0 n3
fleet_kill lockstepd KILL
fleet_needs "is moved when it is back" fleet_start_coordinator
check_same auto "for the mode is kept" mode
check_eventually "as before" all_on 1.0.0

# ---- what auto does not do ----
check_eventually "all is consistent" fleet_cli check echo
count=$(reconciles)
check "three of five go another way" drift 2.0.0 n1 n2 n3
looks
check_same "$count" "against what is recorded nothing is done" reconciles
check_status 0 "a person may do it" fleet_cli reconcile echo --rule majority --soak 0 -y
check "all follow" all_on 2.0.0
check "the version of all is quarantined" fleet_cli artifact quarantine echo@2.0.0
check "one drifts from it" drift 1.0.0 n4
count=$(reconciles)
looks
check_same "$count" "a quarantined majority is not followed" reconciles
check_same "n4=1.0.0" "nor by n4" fleet_versions_of echo n4
check "it is quarantined no more" fleet_cli artifact unquarantine echo@2.0.0
check_eventually "then it is" all_on 2.0.0

# ---- a node that drifts again and again ----
check_eventually "all is consistent" fleet_cli check echo
for round in 1 2 3; do
    check "n5 drifts, time $round" put 1.0.0 n5
    check_eventually "and is moved back" all_on 2.0.0
    check_eventually "and all is consistent" fleet_cli check echo
done
check "n5 drifts once more" put 1.0.0 n5
check_eventually "it is moved once more, and is named" has_alarm damped n5
check_eventually "which ends well" all_on 2.0.0
check_eventually "and all is consistent" fleet_cli check echo
check "then once more" put 1.0.0 n5
check_eventually "which is seen" differs n5
count=$(reconciles)
looks
check_same "$count" "and it is left alone" reconciles
check "others are not" put 1.0.0 n1
check_eventually "n1 is moved" runs n1 2.0.0
check "n5 is not" runs n5 1.0.0
check_eventually "and a person may move n5" fleet_cli reconcile echo --soak 0 -y
check "all run one version" all_on 2.0.0

# ---- an order that is over, or taken back ----
check "an order for two seconds" fleet_cli reconcile --mode auto --for 2s
check_eventually "is over" has_alarm order-over null
check "two drift" drift 1.0.0 n1 n2
count=$(reconciles)
looks
check_same "$count" "and nothing is done any more" reconciles
check "with a new one" fleet_cli reconcile --mode auto
check_eventually "it is" all_on 2.0.0
check "observe is back" fleet_cli reconcile --mode observe
check "the audit trail is whole" fleet_cli audit verify
check_same "observe auto auto auto auto off" "and has every mode" \
    fleet_json '[.rows[] | select(.what == "reconcile.mode") | .subject] | reverse | join(" ")' audit --limit 1000
fleet_end
