#!/usr/bin/env bash
# What a standing order does not permit, and what becomes of what was begun under it.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# drift VERSION NODE…: they run it; when their pins are over they are to run something else.
drift() {
    local node
    for node in "${@:2}"; do
        fleet_cli reload "echo@$1" --strategy local --node "$node" --pin 1s --soak 0 -y || return
    done >"$FLEET/log/drift"
    fleet_until differs "${*:2}"
}

differs() { # differs NODES: "n4 n5", of echo
    [ "$(fleet_json '[.differences[] | select(.kind == "other-version") | .node] | join(" ")' check echo)" = "$1" ]
}

runs() { # runs NODE VERSION
    [ "$(fleet_versions_of echo "$1")" = "$1=$2" ]
}

reconciles() { # how many there have been
    fleet_json '[.operations[] | select(.kind == "reconcile")] | length' op ls
}

part_is() { # part_is NODE STATE
    [ "$(fleet_operation_of reconcile ".parts[] | select(.node == \"$1\") | .state")" = "$2" ]
}

is_state() { # is_state STATE: of the newest reconcile
    [ "$(fleet_operation_of reconcile .state)" = "$1" ]
}

is_over() { # the newest of them is
    ! fleet_operation_of reconcile .state | grep -Eqx 'committing|soaking'
}

# with_probe NODE PROGRAM: its agent tries modules out with that.
with_probe() {
    fleet_kill "agent-$1" TERM
    fleet_node_folder "$1" "$FLEET_SETTINGS"
    [ -z "$2" ] || printf 'probe: %s\n' "$2" >>"$FLEET/$1/agent.yaml"
    fleet_start_agent "$1" && fleet_until fleet_ready "$1"
}

is_damped() { # is_damped NODE
    fleet_json '.alarms[] | "\(.code) \(.node)"' status | grep -qx "damped $1"
}

least_pause() { # between the openings of the newest three reconciles, in ms
    fleet_json '[.operations[] | select(.kind == "reconcile") | .opened_unix_ms] | sort | .[-3:] |
        [.[1] - .[0], .[2] - .[1]] | min' op ls
}

has_event() { # has_event TEXT, of what is due
    fleet_cli -o jsonl events --limit 1000 |
        jq -n -e "any(inputs; .what == \"reconcile.due\" and (.text | contains(\"$1\")))" >/dev/null
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

go_away() { # go_away NODE
    local host
    host=$(fleet_host "$1")
    fleet_kill "agent-$1" KILL
    kill -s KILL "$host"
    fleet_until fleet_absent "$1"
}

FLEET_SETTINGS=${FLEET_SETTINGS/soak: 200ms/soak: 2s}"
  reconcile: 200ms"
fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "echo is installed" fleet_install echo@1.0.0

# ---- what operators recorded of single nodes ----
check "n5 is to run another version" fleet_reload echo@2.0.0 --soak 0 --node n5
check "auto is on" fleet_cli reconcile --mode auto --max-changes 100%
looks
check_same 0 "what is recorded of a node is not undone" reconciles
check "n4 drifts" drift 2.0.0 n4
check_eventually "and is moved back" runs n4 1.0.0
check_same "n5=2.0.0" "but not n5" fleet_versions_of echo n5
check "auto is off" fleet_cli reconcile --mode off
check_eventually "with what was under way" is_over
check "a person may undo it" fleet_cli reconcile echo --soak 0 -y
check_same "n5=1.0.0" "for all" fleet_versions_of echo n5
# ---- who goes away in the middle ----
check "n4 and n5 drift" drift 2.0.0 n4 n5
count=$(reconciles)
check "auto is on" fleet_cli reconcile --mode auto --max-changes 100% -m "until monday"
check_eventually "n4 is watched" part_is n4 soaking
fleet_needs "n5 goes away" go_away n5
check_eventually "n4 is through" part_is n4 healthy
check_eventually "n5 is owed it" is_state succeeded-partial
check "there is another order" fleet_cli reconcile --mode auto --max-changes 100%
fleet_needs "n5 comes back" fleet_start_agent n5
check_eventually "and gets what it is owed" part_is n5 healthy
check_same "n5=1.0.0" "indeed" fleet_versions_of echo n5
check_same "$((count + 1))" "by the same operation" reconciles

# ---- a node that refuses ----
check "auto is off" fleet_cli reconcile --mode off
check "n3 drifts" drift 2.0.0 n3
fleet_needs "n3 cannot try modules out" with_probe n3 /bin/false
count=$(reconciles)
check "auto is on" fleet_cli reconcile --mode auto
check_eventually "n3 is left alone in the end" is_damped n3
check_same "$((count + 4))" "when it has been tried four times" reconciles
check "after two looks each" [ "$(least_pause)" -ge 350 ]
check "auto is off" fleet_cli reconcile --mode off
check_eventually "with what was under way" is_over
fleet_needs "n3 can try modules out" with_probe n3 ""
check "a person brings it back" fleet_cli reconcile echo --soak 0 -y
check "all run one version" runs n3 1.0.0

# ---- a version that cannot be sent ----
digest=$(fleet_json '.artifacts[] | select(.module == "echo" and .version == "1.0.0") | .digest' artifact ls)
check "the bytes of a version are gone" mv "$FLEET/coordinator/artifacts/$digest.so" "$FLEET/away.so"
check "n4 drifts" drift 2.0.0 n4
check "auto is on" fleet_cli reconcile --mode auto
check_eventually "that nothing can be done is told" has_event "are not here"
check "auto is off" fleet_cli reconcile --mode off

# ---- the trail ----
check_says "^standing order .*, for 100 % of the members of every module: until monday$" \
    "the audit trail has what was ordered" \
    fleet_json '.rows[] | select(.what == "reconcile.mode") | .detail' audit --limit 1000
check "an order for one module" fleet_cli reconcile echo --mode auto
check_says "^standing order .*, for 25 % of the members of echo$" "is there, too" \
    fleet_json '.rows[] | select(.what == "reconcile.mode") | .detail' audit --limit 1000
check "the audit trail is whole" fleet_cli audit verify
fleet_end
