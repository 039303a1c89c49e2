#!/usr/bin/env bash
# An operator aborts a quorum reload while a node is stopped: before the decision nobody has changed,
# after it whoever is there goes back, and who returns is on the version before.
set -u
. "$(dirname "$0")/../support/fleet.sh"

begin_quorum() { # begin_quorum SUBJECT [OPTION…]: $one is the operation
    fleet_cli reload --strategy quorum -y --detach "$@" >"$FLEET/log/reload" 2>&1 || return
    one=$(fleet_operation .short)
}

part_of() { # part_of NODE: in the newest reload
    fleet_operation_of reload ".parts[] | select(.node == \"$1\") | .state"
}

is() { # is NODE STATE, of its part
    [ "$(part_of "$1")" = "$2" ]
}

says() { # says STATE, of the newest reload
    [ "$(fleet_operation_of reload .state)" = "$1" ]
}

audited() { # audited WHAT MESSAGE
    fleet_json "[.rows[] | select(.what == \"$1\") | .detail] | last | tostring" audit --limit 100 | grep -q -F -- "$2"
}

go_away() { # go_away NODE: its agent and its host are killed
    local host
    host=$(fleet_host "$1")
    fleet_kill "agent-$1" KILL
    kill -s KILL "$host"
    fleet_needs "$1 is seen to be away" fleet_until fleet_absent "$1"
}

come_back() { # come_back NODE
    check "$1 comes back" fleet_start_agent "$1"
    check_eventually "and is ready" fleet_ready "$1"
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- before the decision ----------------------------------------------------------------------------

go_away n3
kill -s STOP "$(fleet_pid agent-n2)"
check "a quorum of two is asked, and one is away" begin_quorum echo@2.0.0 --soak 0
check_eventually "n1 has voted yes; the decision waits for n2" is n1 prepared
check_same "absent preparing" "n3 was not asked, and n2 has not answered" echo "$(part_of n3) $(part_of n2)"
check "it is aborted by hand" fleet_cli op abort "$one" -m "not today"
check_status 6 "who waits for it is told" fleet_cli op wait "$one"
check_same aborted "it was not decided" fleet_operation .result
check_says 'aborted by an operator' "the reason is shown" fleet_cli op show "$one"
check "it is audited" audited operation.abort "not today"
kill -s CONT "$(fleet_pid agent-n2)"
check_same "n1=1.0.0 n2=1.0.0" "nobody has changed" fleet_versions_of echo n1 n2
check "the module is free" fleet_cli reload --strategy quorum -y --soak 0 echo@1.0.0 --again
come_back n3
check_eventually "the fleet is consistent" fleet_cli check
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "n3 is where it was, too" fleet_versions echo
check_status 4 "what has ended is not aborted again" fleet_cli op abort "$(fleet_operation_of reload .short)"

# ---- in the soak, the node away before it was asked ---------------------------------------------------

go_away n3
check "an operation begins" begin_quorum echo@2.0.0 --soak 60s
check_eventually "it is decided, and watched" says soaking
check_same "n1=2.0.0 n2=2.0.0" "two have it" fleet_versions_of echo n1 n2
check "it is aborted by hand" fleet_cli op abort "$one" -m "too slow"
check_status 6 "who waits for it is told" fleet_cli op wait "$one"
check_same rolled-back "everybody who had it is back" fleet_operation_of reload .result
check_same "n1=1.0.0 n2=1.0.0" "on the version before" fleet_versions_of echo n1 n2
come_back n3
check_eventually "the fleet is consistent" fleet_cli check
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "n3 was not given what was taken back" fleet_versions echo
check_same 0 "an abort says nothing of the version" \
    fleet_json '[.artifacts[] | select(.quarantined)] | length' artifact ls

# ---- in the soak, the node lost after it had taken it --------------------------------------------------

check "an operation begins" begin_quorum echo@2.0.0 --soak 60s --max-fail 1
check_eventually "it is decided, and watched" says soaking
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "all have it" fleet_versions echo
go_away n3
check_eventually "n3 is lost, which a quorum bears" is n3 lost
check_same soaking "it goes on" fleet_operation_of reload .state
check "it is aborted by hand" fleet_cli op abort "$one" -m "not without n3"
check_status 7 "n3 has it still: wake somebody" fleet_cli op wait "$one"
check_same failed-mixed "which is what it says" fleet_operation_of reload .result
check_same "n1=1.0.0 n2=1.0.0" "those who are there are back" fleet_versions_of echo n1 n2
come_back n3
check_eventually "n3 goes back when it returns" says rolled-back
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "all are on the version before" fleet_versions echo
check_eventually "the fleet is consistent" fleet_cli check
check_status 6 "who asks again is told how it ended" fleet_cli op wait "$one"
check_status 4 "and it is not aborted again" fleet_cli op abort "$one"
check_status 2 "nor is what there is not" fleet_cli op abort op-aaaaaaaa
check "the audit trail is whole" fleet_cli audit verify
fleet_end
