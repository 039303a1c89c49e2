#!/usr/bin/env bash
# A standing order that is given while nodes are moved under the one before: as wide, it takes that
# over; if it is not for the module, who was not asked yet is not asked any more.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# drift NODE…: they run 2.0.0; when their pins are over they are to run 1.0.0.
drift() {
    local node
    for node in "$@"; do
        fleet_cli reload echo@2.0.0 --strategy local --node "$node" --pin 1s --soak 0 -y || return
    done >"$FLEET/log/drift"
}

of_newest() { # of_newest FILTER WANTED: of the newest reconcile
    [ "$(fleet_operation_of reconcile "$1")" = "$2" ]
}

is_watched() { # is_watched NODE
    of_newest ".parts[] | select(.node == \"$1\") | .state" soaking
}

parts() {
    fleet_operation_of reconcile '[.parts[] | "\(.node)=\(.state)"] | join(" ")'
}

FLEET_SETTINGS=${FLEET_SETTINGS/soak: 200ms/soak: 4s}
FLEET_SETTINGS+="
  reconcile: 200ms"
fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "both are installed" fleet_install echo@1.0.0 counter@1.0.0
check "two of five drift" drift n4 n5
check "auto is for every module" fleet_cli reconcile --mode auto --max-changes 50%
check_eventually "n4 is watched" is_watched n4
operation=$(fleet_operation_of reconcile .id)
check "another order is given, as wide" fleet_cli reconcile echo --mode auto --max-changes 50%
check_eventually "n5 has its turn" is_watched n5
check_eventually "and it ends well" of_newest .result succeeded
check_same "$operation" "as one operation" fleet_operation_of reconcile .id
check_same "n4=1.0.0 n5=1.0.0" "both are moved" fleet_versions_of echo n4 n5

check "both drift again" drift n4 n5
check_eventually "n4 is watched" is_watched n4
check "an order is given for another module" fleet_cli reconcile counter --mode auto
check_eventually "it is ended" of_newest .result failed-mixed
check_same "n4=healthy n5=skipped" "n5 has no turn" parts
check_same "n4=1.0.0 n5=2.0.0" "and stays where it was" fleet_versions_of echo n4 n5
check "the audit trail is whole" fleet_cli audit verify
fleet_end
