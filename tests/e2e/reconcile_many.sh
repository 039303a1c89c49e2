#!/usr/bin/env bash
# Reconciling several modules with one command: an operation each, and nothing left out unsaid.
set -u
. "$(dirname "$0")/../support/fleet.sh"

put() { # put SUBJECT NODE: until its pin is over
    fleet_cli reload "$1" --strategy local --node "$2" --pin 1s --soak 0 -y
}

differ() { # differ COUNT
    [ "$(fleet_json '[.differences[] | select(.kind == "other-version")] | length' check)" = "$1" ]
}

both_drift() {
    put echo@2.0.0 n3 && put counter@2.0.0 n3 && fleet_until differ 2
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
fleet_needs "both are installed" fleet_install echo@1.0.0 counter@1.0.0

check "both drift" both_drift
check "both are reconciled" fleet_cli reconcile --soak 0 -y
check "all is consistent" fleet_cli check

check "both drift" both_drift
fleet_cli reconcile echo counter --soak 3s --timeout 500ms -y >"$FLEET/log/out" 2>"$FLEET/log/err"
check_same 124 "the wait for the first is over" echo $?
check_says "^nothing was done about counter" "that the second was not begun is said" cat "$FLEET/log/err"
check_eventually "the first goes on" fleet_cli check echo
check "the rest is done" fleet_cli reconcile --soak 0 -y
check "all is consistent" fleet_cli check

check "both drift" both_drift
fleet_cli reconcile --soak 0 -y -d -o jsonl >"$FLEET/log/out"
check_same "counter echo" "who does not wait gets documents, too" \
    jq -r -s 'map(select(.schema == "lockstep/operation/v1") | .items[0].module) | join(" ")' "$FLEET/log/out"
check_eventually "which say what goes on" differ 0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
