#!/usr/bin/env bash
# A bad network: every agent behind a relay that delays, throttles, cuts, resets, turns bits over and
# falls silent in one direction; processes that are stopped for a while, and disks that take long; and
# operations of all strategies go on. Then all is healed, and the fleet must come together by itself,
# and what it went through must hold (tests/support/history.jq).
# LOCKSTEP_NET_SEED (1) draws faults and operations; LOCKSTEP_NET_SECONDS (60) of them, or as long as
# LOCKSTEP_NET_OPERATIONS take (tests/run --long: 500).
set -u
. "$(dirname "$0")/../support/fleet.sh"
. "$(dirname "$0")/../support/net.sh"

readonly seed=${LOCKSTEP_NET_SEED:-1} seconds=${LOCKSTEP_NET_SECONDS:-60} operations=${LOCKSTEP_NET_OPERATIONS-}

enough() {
    if [ -n "$operations" ]; then
        [ "$(wc -l <"$FLEET/asked")" -ge "$operations" ]
    else
        [ "$SECONDS" -ge "$seconds" ]
    fi
}

echo "# seed $seed, again with LOCKSTEP_NET_SEED=$seed"
net_of 5 "$seed"
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1 counter-2
fleet_needs "version 2 is installed" fleet_install echo@2.0.0 other@2.0.0 counter@2.0.0
fleet_needs "and exchanged, so that undo goes back to a version" fleet_reload echo@1.0.0 other@1.0.0 counter@1.0.0
FLEET_CALLER="--tell --pause 5"
fleet_needs "callers have answers" fleet_callers "$FLEET_TOOLS" "${NET_NODES[@]}"

NET_MORE="stop-agent stop-coordinator"
if net_may_stall; then
    NET_MORE+=" stall-agent stall-coordinator"
else
    skip "slow disks" "strace may not attach here"
fi
SECONDS=0
net_draw_faults "$seed" &
faults=$!
net_operate $((seed * 2)) "echo other" 1.0.0 2.0.0 &
one=$!
net_operate $((seed * 2 + 1)) counter 1.0.0 2.0.0 &
other=$!
until enough; do
    sleep 0.2
done
net_enough
wait "$one" "$other" "$faults"

check_eventually "healed, all nodes are ready" fleet_ready "${NET_NODES[@]}"
check_eventually "and have what they are owed" net_settled
check "a sync_all succeeds" fleet_reload echo@2.0.0 other@2.0.0 counter@2.0.0 --again --soak 100ms
check "and all are alike" fleet_cli check
check "callers have answers" fleet_callers_again n1
check "operations came to something" test "$(jq -s 'map(select(.exit == 0)) | length' "$FLEET/asked")" -ge 5
net_judge "what it went through holds"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
