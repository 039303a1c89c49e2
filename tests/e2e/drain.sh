#!/usr/bin/env bash
# Draining: an operator shuts a module, or all of a node; callers wait or are refused, calls in
# flight end, and who looks sees what is waited for. Nothing that was let in is lost.
set -u
. "$(dirname "$0")/../support/fleet.sh"

gate_of() { # gate_of MODULE NODE
    fleet_json ".rows[] | select(.node == \"$2\") | \"\(.gate) \(.in_flight)\"" module status "$1"
}

gate_is() { # gate_is MODULE NODE "GATE IN-FLIGHT"
    [ "$(gate_of "$1" "$2")" = "$3" ]
}

audited() { # audited WHAT SUBJECT
    [ "$(fleet_json "[.rows[] | select(.what == \"$1\" and .subject == \"$2\")] | length" audit --limit 100)" -ge 1 ]
}

is_new_host() { # is_new_host NODE PID
    local pid
    pid=$(fleet_host "$1") && [ "$pid" != "$2" ]
}

# A call that takes MS, in the background; what it says is in $FLEET/call.
begin_call() { # begin_call NODE TOOL MS
    fleet_tool "$1" "$2" "$3" >"$FLEET/call" 2>&1 &
    call=$!
    fleet_until gate_is "${2%%.*}" "$1" "open 1"
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
fleet_needs "they are installed" fleet_install echo@1.0.0 counter@1.0.0

# ---- shut, and open again --------------------------------------------------------------------------

check_same "open 0" "a gate is open" gate_of echo n1
check "echo is drained on n1" fleet_cli module drain echo --node n1 --refuse -m "its back end moves"
check "that is audited" audited module.drain echo
check_same "drained 0" "status says so" gate_of echo n1
check_same "open 0" "n2 is left in peace" gate_of echo n2
check_same "n1 echo" "status alarms, so that nobody forgets it" \
    fleet_json '.alarms[] | select(.code == "drained") | "\(.node) \(.module)"' status
check_says 'closed' "a caller is refused" fleet_tool n1 echo.say x
check_same "1.0.0 x" "elsewhere it is served" fleet_tool n2 echo.say x
check "twice is fine, and who calls waits now" fleet_cli module drain echo --node n1
fleet_tool n1 echo.say late >"$FLEET/late" 2>&1 &
late=$!
check "it is resumed" fleet_cli module resume echo --node n1
wait "$late"
check_same "1.0.0 late" "who waited is answered" cat "$FLEET/late"
check "that is audited, too" audited module.resume echo
check_same "open 0" "and it is open" gate_of echo n1
check_same "" "nothing to be alarmed about" \
    fleet_json '.alarms[] | select(.code == "drained") | .node' status

# ---- calls in flight ---------------------------------------------------------------------------------

check "a call is under way" begin_call n1 echo.wait 3000
check_status 7 "it takes too long on one of three" fleet_cli module drain echo --drain-timeout 100ms
check_same "open 1" "so it is open again there" gate_of echo n1
check_same "drained 0" "and drained elsewhere" gate_of echo n2
check_status 6 "it takes too long on one of one" fleet_cli module drain echo --node n1 --drain-timeout 100ms
check_says '1 calls in flight after 100 ms' "it is said what was waited for" \
    fleet_cli module drain echo --node n1 --drain-timeout 100ms
check_says 'what was begun on nodes goes on' "who waits no longer is told that it goes on" \
    fleet_cli module drain echo --timeout 100ms
fleet_cli module drain echo --drain-timeout 1m >"$FLEET/drain" 2>&1 &
drain=$!
check_eventually "who looks sees what is waited for" gate_is echo n1 "draining 1"
wait "$drain"
check_same 0 "it is drained when the call has ended" echo $?
wait "$call"
check_same "1.0.0 3000" "which was answered" cat "$FLEET/call"
check_same "drained 0" "and status says so" gate_of echo n1

# ---- it stays so ---------------------------------------------------------------------------------------

before=$(fleet_host n1)
kill -s KILL "$before"
check_eventually "the host is started again" is_new_host n1 "$before"
check_eventually "a host that is started again is drained" gate_is echo n1 "drained 0"
fleet_kill agent-n1 KILL
check "the agent starts again" fleet_start_agent n1
check_eventually "what it has forgotten its host knows" gate_is echo n1 "drained 0"
check "a drained module is reloaded" fleet_reload echo@2.0.0 --soak 0
check_same "drained 0" "and stays drained" gate_of echo n1
check "it is resumed everywhere" fleet_cli module resume echo
check_same "2.0.0 x" "and serves the new version" fleet_tool n1 echo.say x

# ---- a whole node ----------------------------------------------------------------------------------------

check "n2 is drained" fleet_cli node drain n2
check_same "drained 0" "echo with it" gate_of echo n2
check_same "drained 0" "and counter" gate_of counter n2
check "n2 is resumed" fleet_cli node resume n2
check_same "open 0" "and open" gate_of counter n2
check_status 4 "nothing more is to be resumed" fleet_cli node resume n2

# ---- while state is handed over ------------------------------------------------------------------------------

check "a call is under way" begin_call n3 counter.wait long
fleet_cli reload counter@2.0.0 --strategy sync_all --soak 0 >"$FLEET/reload" 2>&1 &
reload=$!
check_eventually "who looks sees that the reload waits for it" gate_is counter n3 "swapping 1"
wait "$reload"
check_same 0 "the reload succeeds" echo $?
wait "$call"
check_same 0 "and so does the call" echo $?

# ---- wrong words ---------------------------------------------------------------------------------------------

check_status 2 "there is no module nix" fleet_cli module drain nix
check_says 'no module is called ecko; did you mean echo' "the nearest is named" fleet_cli module drain ecko
check_status 2 "there is none on a node that is named, either" fleet_cli module drain ecko --node n1
check_status 2 "there is no node n9" fleet_cli module drain echo --node n9
check_status 2 "no node has this label" fleet_cli module drain echo -l zone=mars
check_status 2 "a node is named" fleet_cli node drain

# ---- called off, and given up -----------------------------------------------------------------------------

check "a call is under way" begin_call n3 echo.wait 4000
fleet_cli module drain echo --node n3 --drain-timeout 1m >"$FLEET/drain" 2>&1 &
drain=$!
check_eventually "which a drain waits for" gate_is echo n3 "draining 1"
check "a drain that is not over is called off" fleet_cli node resume n3
wait "$drain"
check_same 6 "whoever waits for it is told" echo $?
check_eventually "and it is open" gate_is echo n3 "open 1"
fleet_cli module drain echo --drain-timeout 1m --timeout 10s >"$FLEET/drain" 2>&1 &
drain=$!
check_eventually "it is drained again" gate_is echo n3 "draining 1"
fleet_kill agent-n3 KILL
wait "$drain"
check_same 7 "a node that goes is waited for no longer" echo $?
check_says 'n3 +no +the node went away; what has become of it is not known' "and is named" cat "$FLEET/drain"
wait "$call"
check_eventually "n3 is away" fleet_absent n3
check_status 7 "who is away is not drained" fleet_cli module drain echo
check_says 'n3 +no +the node is away' "and is named" fleet_cli module drain echo
check "the others are resumed" fleet_cli module resume echo -l '!none' --node n1 --node n2

check "the audit trail is whole" fleet_cli audit verify
fleet_kill lockstepd
opens_nothing() {
    fleet_cli plan echo@2.0.0 --strategy sync_all >"$FLEET/plan" 2>&1
    [ $? -eq 9 ] && ! grep -q opened "$FLEET/plan"
}
check "a plan that cannot be asked for has opened nothing" opens_nothing
fleet_end
