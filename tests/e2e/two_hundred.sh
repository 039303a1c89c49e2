#!/usr/bin/env bash
# Reload after reload without a soak, under callers: no call is lost or fails, no set is ever mixed.
# LOCKSTEP_E2E_RELOADS: how many (60; tests/run --long does 200 and more).
set -u
. "$(dirname "$0")/../support/fleet.sh"

readonly reloads=${LOCKSTEP_E2E_RELOADS:-60}

reload_all() {
    local i version
    for ((i = 1; i <= reloads; i++)); do
        version=$((1 + i % 2)).0.0
        fleet_reload "echo@$version" "other@$version" "counter@$version" --soak 0 -q || {
            echo "reload $i to $version ended with $?"
            return 1
        }
    done
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0 counter@1.0.0
fleet_needs "callers have answers" fleet_callers "$FLEET_TOOLS" n1 n2 n3
begun=$SECONDS
check "$reloads reloads succeed" reload_all
echo "# $reloads reloads took $((SECONDS - begun)) s"
check_calls "no call was lost, failed or mixed" n1 n2 n3
# Two callers a node, each of which asks three tools.
check "callers saw nearly all of the changes ($CHANGES)" test "$CHANGES" -ge $((reloads * 9))
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
