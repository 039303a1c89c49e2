#!/usr/bin/env bash
# Who is there: many that fall silent at once, and one that comes and goes. Agents are stopped with
# SIGSTOP: their links stand, and nothing comes over them.
set -u
FLEET_SETTINGS="settings:
  heartbeat: 100ms
  suspect_percent: 2000
  down_percent: 5000
  flap_limit: 2
  flap_window: 1h
  reconnect_first: 50ms
  reconnect_last: 200ms
  prepare: 10s
  fetch: 100ms
  commit_deadline: 4s
  decision_resend_first: 100ms
  decision_resend_last: 500ms
  soak: 200ms"
. "$(dirname "$0")/../support/fleet.sh"

halt() { # halt NODE…
    local node
    for node in "$@"; do
        kill -s STOP "${fleet_pids[agent-$node]}"
    done
}

go_on() { # go_on NODE…
    local node
    for node in "$@"; do
        kill -s CONT "${fleet_pids[agent-$node]}"
    done
}

state_is() { # state_is STATE NODE…
    local node
    for node in "${@:2}"; do
        [ "$(fleet_json .state node show "$node")" = "$1" ] || return
    done
}

alarms() {
    fleet_json '[.alarms[].code] | unique | join(" ")' status
}

quiet() {
    [ -z "$(alarms)" ]
}

isolated() {
    [[ " $(alarms) " == *" isolated "* ]]
}

operation_is() { # operation_is STATE
    [ "$(fleet_operation .state)" = "$1" ]
}

silent_for() { # silent_for SECONDS NODE
    [ $(($(date +%s%3N) - $(fleet_json .heard_unix_ms node show "$2"))) -gt $(($1 * 1000)) ]
}

comes_and_goes() { # comes_and_goes NODE
    halt "$1"
    fleet_until state_is absent "$1" || fleet_fails "$1 goes"
    go_on "$1"
}

fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- three of five fall silent in the middle of an operation: it waits for whether it is us ----
# What is left of the time to prepare, 10 s, has to do for the votes of three when they are back.
halt n3
fleet_reload echo@2.0.0 --soak 0 >"$FLEET/log/reload" 2>&1 &
reload=$!
fleet_needs "an operation waits for n3" fleet_until operation_is preparing
halt n4 n5
check_eventually "it is asked whether it is us" isolated
check_same true "the operation is paused" fleet_operation .paused
check_eventually "for longer than its deadlines" silent_for 13 n5
check "nobody is marked down" state_is suspect n3 n4 n5
check "and the operation is not over" operation_is preparing
go_on n3 n4 n5
check "they are heard again, and it succeeds" wait "$reload"
check_eventually "the fleet is consistent" fleet_cli check
check_eventually "nothing is left of the alarm" quiet
check_status 4 "nothing is paused any more" fleet_cli op resume --accept-loss

# ---- an operator knows that they are gone ----
halt n3 n4 n5
check_eventually "it is asked again whether it is us" isolated
check_status 4 "nothing is opened meanwhile" \
    fleet_cli reload echo@1.0.0 --strategy local --node n1
check_says 'op resume --accept-loss' "and it is said what to do" \
    fleet_cli reload echo@1.0.0 --strategy local --node n1
check "the loss is accepted" fleet_cli op resume --accept-loss -m "the rack is off"
check_eventually "they are absent" state_is absent n3 n4 n5
check "those that are there can be reloaded" \
    fleet_cli reload echo@1.0.0 --strategy local --node n1 -y --soak 0
go_on n3 n4 n5
check_eventually "they come back" state_is ready n3 n4 n5

# ---- one comes and goes ----
comes_and_goes n2
check_eventually "it is back once" state_is ready n2
comes_and_goes n2
check_eventually "it is back twice" state_is ready n2
comes_and_goes n2
check_eventually "the third time it is held" state_is held n2
check_same 5 "it still counts" fleet_json .n plan --strategy sync_all echo@2.0.0
check_status 4 "as one that is away" fleet_reload echo@2.0.0
check_says 'node resume n2' "the status says what to do" fleet_cli -o json status
check_status 2 "nobody is called n9" fleet_cli node resume n9
check_status 4 "n1 is not held" fleet_cli node resume n1
check "it is trusted again" fleet_cli node resume n2 -m "its cable was loose"
check_eventually "and is ready" state_is ready n2
check "a reload of all succeeds" fleet_reload echo@2.0.0 --soak 0
check_says 'node.resume' "the audit trail knows who trusted it" fleet_cli audit
check "the audit trail is whole" fleet_cli audit verify
fleet_end
