#!/usr/bin/env bash
# Smoke tests once more when a version is live: those that fail only then take it back.
set -u
. "$(dirname "$0")/../support/fleet.sh"

is_quarantined() { # is_quarantined VERSION
    [ "$(fleet_json ".artifacts[] | select(.version == \"$1\") | .quarantined" artifact ls echo)" = true ]
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 echo-smoke-live echo-hangs-live
fleet_needs "version 1 is installed" fleet_install echo@1.0.0
fleet_needs "callers have answers" fleet_callers echo.say n1 n2 n3

check "a version that is well is reloaded" fleet_reload echo@2.0.0 --soak 0

check_status 6 "one whose smoke test fails when it is live goes back" \
    fleet_reload echo@3.1.0 --soak 20s
check_same "rolled-back SMOKE" "because of that" \
    fleet_operation_of reload '"\(.result) \(.cause.code)"'
check_says "live: smoke test says: not while it is live" "and it is told in its words" \
    fleet_operation_of reload .cause.text
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "all are on the version before" fleet_versions echo
check "the version is quarantined" is_quarantined 3.1.0

check_status 6 "so does one whose smoke test does not end" fleet_reload echo@3.2.0 --soak 20s
check_says "live: smoke test says: it did not end within 100 ms" "in its time" \
    fleet_operation_of reload .cause.text
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "all are back again" fleet_versions echo

check "it may be tried again" fleet_cli artifact unquarantine echo@3.1.0
check "without smoke tests it stays" fleet_reload echo@3.1.0 --soak 500ms --no-smoke
check_same "n1=3.1.0 n2=3.1.0 n3=3.1.0" "on all nodes" fleet_versions echo
check_calls "no call was lost, failed or mixed" n1 n2 n3
check "the audit trail is whole" fleet_cli audit verify
fleet_end
