#!/usr/bin/env bash
# deploy/demo on three nodes, with the programs of the dev preset: its end, and its last line.
set -u -o pipefail
# shellcheck source=tests/support/fleet.sh
. "$(dirname "$0")/../support/fleet.sh"
fleet_begin

LOCKSTEP_DEMO_BUILD=$(dirname "$FLEET_BIN")
export LOCKSTEP_DEMO_BUILD
demo() { "$FLEET_ROOT/deploy/demo" "$@"; }

status=0
demo --nodes 3 --dir "$FLEET/d" --json >"$FLEET/log/demo" 2>&1 || status=$?
[ "$status" -eq 0 ] || sed 's/^/# /' "$FLEET/log/demo"
last=$(tail -n 1 "$FLEET/log/demo")
has() { [[ $last =~ $1 ]]; }
check "it ends with 0" test "$status" -eq 0
check "the last line is its result" has '^\{"schema":"lockstep/demo/v1",.*\}$'
check "of three nodes" has '"nodes":3[,}]'
check "there were reloads" has '"reloads":[1-9]'
check "one node had drifted and was reconciled" has '"reconciled":1[,}]'
check "check had said so" grep -q 'other-version  markdown  n3' "$FLEET/log/demo"
check "there were calls" has '"calls":[1-9]'
check "none was lost" has '"lost":0[,}]'
check "none failed" has '"failed":0[,}]'
check "those in the killed host are counted apart" has '"in_flight_at_kill":[0-9]+[,}]'
check "and it says how long it took" has '"seconds":[0-9]+\}'
check "a broken version was refused with its reason" grep -q 'became' "$FLEET/log/demo"
check_status 1 "nothing of it is running" test -n "$(fleet_leftovers)"

# A fleet that is kept can be used, and stopped.
kept=$FLEET/k
check "a fleet is kept" demo --nodes 1 --keep --dir "$kept"
check "it is consistent" "$FLEET_BIN/lockstep" -c "$kept/operator.yaml" check
for file in lockstepd.yaml coordinator/key n1/agent.yaml release.key modules/markdown-1.0.0.so \
    modules/ratelimit-2.0.0.so; do
    check "it has $file" test -s "$kept/$file"
done
for name in lockstepd agent-n1 host-n1; do
    check "$name runs under the id in its file" kill -0 "$(cat "$kept/run/$name.pid")"
done
check "it can be stopped" demo --stop --dir "$kept"
check_status 1 "then nothing of it is running" test -n "$(fleet_leftovers)"

# Stopped in the middle, it leaves nothing behind.
"$FLEET_ROOT/deploy/demo" --nodes 1 --dir "$FLEET/i" >"$FLEET/log/interrupted" 2>&1 &
interrupted=$!
fleet_wait_line "$FLEET/log/interrupted" 'Callers on every node' "$interrupted" >/dev/null
kill -s TERM "$interrupted"
status=0
wait "$interrupted" || status=$?
check "interrupted, it ends with 130" test "$status" -eq 130
check_status 1 "and nothing of it is running" test -n "$(fleet_leftovers)"
check_status 2 "a directory in use is refused" demo --dir "$FLEET"
check_status 2 "so is a number of nodes that is none" demo --nodes five
check_says 'no fleet' "there is nothing to stop where no fleet is" demo --stop --dir "$FLEET"
fleet_end
