#!/usr/bin/env bash
# What is retired goes when somebody says so, but for what a call is still in; who said so is written.
set -u
. "$(dirname "$0")/../support/fleet.sh"

purged() { # purged NODE MODULE OPTION...: "UNMAPPED LEFT TEXT" of its one process
    local node=$1
    shift
    fleet_cli -o json module purge "$@" --node "$node" \
        | jq -r '"\(.processes[0].unmapped) \(.processes[0].left) \(.processes[0].text)"'
}
unmapped() { # unmapped N NODE MODULE OPTION...
    local wanted=$1
    shift
    purged "$@" | grep -q "^$wanted 0 $"
}

fleet_of 2
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0
check_status 0 "nothing is retired yet" fleet_cli module purge echo
check "version 2 comes" fleet_reload echo@2.0.0 --soak 0 --rollback-window 100ms -q
# What was called is told of each function and version, and of what is retired only while it matters.
told() { # told FILTER: of echo on n1
    fleet_cli -o json module status echo --node n1 | jq -e ".rows[0] | $1" >/dev/null
}
call_many() {
    local i
    for i in 1 2 3; do fleet_tool n1 echo.say x || return; done
    ! fleet_tool n1 echo.fail x
}
check "tools are called" call_many
check_eventually "calls are counted by function and version" \
    told '.tools | any(.tool == "echo.say" and .version == "2.0.0" and .live and .calls == 3 and .failed == 0)'
check_eventually "and those that failed" told '(.tools | any(.tool == "echo.fail" and .failed == 1)) and .failed == 1'
check_eventually "nobody is in a version that is over" told '.behind == 0 and .waits_for == null and .hosts == 1'
check_eventually "one version is retired there" told '.retired == 1'
check_eventually "the version before is retired and unmapped on n1" unmapped 1 n1 echo
check_says '^n2: echo: 1 unmapped, 0 left$' "both nodes are asked if none is named" fleet_cli module purge echo
check_same true "scripts are told too" fleet_json '.module == "echo" and .node == "n2" and .ok' \
    module purge echo --node n2
check_same "n1 n2" "names alone" bash -c "paste -sd ' ' <<<'$(fleet_cli module purge echo -o name)'"
check_same $'n2\techo\t0\t0\t-' "or columns" fleet_cli module purge echo --node n2 -o tsv
is_in() { # is_in VERSION: a call is under way in it on n2
    [ "$(fleet_json ".rows[0] | \"\(.version) \(.in_flight)\"" module status echo --node n2)" = "$1 1" ]
}
fleet_tool n2 echo.wait 3000 >"$FLEET/call" 2>&1 &
call=$!
check_eventually "a call is in version 2" is_in 2.0.0
check "version 1 comes back" fleet_reload echo@1.0.0 --soak 0 --rollback-window 100ms -q
left() { # what somebody is in is said to be left on n2, and that did not take long
    local begun=$EPOCHREALTIME
    [[ "$(purged n2 echo --drain-timeout 100ms)" == "0 1 echo 2.0.0 "*": 1 calls in flight in echo.wait" ]] &&
        [ $((${EPOCHREALTIME/./} - ${begun/./})) -lt 1500000 ]
}
check_eventually "what somebody is in is left" left
check_status 3 "which scripts are told" fleet_cli module purge echo --node n2 --drain-timeout 100ms --detailed-exitcode -q
wait "$call"
check_same "2.0.0 3000" "the call ends well" cat "$FLEET/call"
check_status 2 "there is no node n9" fleet_cli module purge echo --node n9
check_status 6 "and no module web" fleet_cli module purge web --node n1
check_says 'module.purge' "the trail knows who purged" fleet_cli audit
check "the audit trail is whole" fleet_cli audit verify
fleet_end
