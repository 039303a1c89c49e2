#!/usr/bin/env bash
# Hosts killed at random during reloads of modules without state and of one whose calls are
# journaled, of which nothing that was answered may be lost. LOCKSTEP_KILLS (50) of them; LOCKSTEP_SEED gives the same
# moments again, as far as a machine does.
set -u
. "$(dirname "$0")/../support/fleet.sh"

kills=${LOCKSTEP_KILLS:-50}
seed=${LOCKSTEP_SEED:-$((10#$(date +%N) % 32768))}
echo "# seed $seed, $kills kills"
# Many deaths on purpose: no crash loop. A death that falls into a commit may take a reload back.
FLEET_SETTINGS+="
  crash_loop_window: 10ms"

fleet_begin
fleet_needs "the coordinator is ready" fleet_coordinator
fleet_needs "n1 is ready" fleet_node n1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 journaled-1 journaled-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0 journaled@1.0.0
fleet_needs "somebody knocks" fleet_start knocker '^ready' "$FLEET_BIN/lockstep-knocker" \
    "$(fleet_socket n1)"
FLEET_CALLER=--idempotent
fleet_needs "callers have answers" fleet_callers "echo.say other.pair" n1

# Writes without pause: each writer ends with the first call that is not answered, and says how many
# were. What was under way then may have been done, or not.
write_always() {
    local writer=
    trap '[ -z "$writer" ] || kill "$writer" 2>/dev/null; over=yes' TERM
    over=
    while [ -z "$over" ]; do
        "$FLEET_BIN/lockstep-writer" "$(fleet_socket n1)" journaled.add 0 >"$FLEET/log/writer" 2>&1 &
        writer=$!
        while kill -0 "$writer" 2>/dev/null; do
            wait "$writer" # a signal to this shell ends the wait, too
        done
        tail -n 1 "$FLEET/log/writer" >>"$FLEET/log/answered"
    done
}
write_always &
writers=$!
disown "$writers"

# A killer of its own, so that it knows nothing of where a reload stands.
kill_hosts() {
    local pid done=0
    RANDOM=$seed
    while [ "$done" -lt "$kills" ]; do
        sleep "0.$(printf '%03d' $((RANDOM % 250)))"
        pid=$(fleet_host n1) || continue
        kill -s KILL "$pid" 2>/dev/null && done=$((done + 1))
    done
}
kill_hosts &
killer=$!
disown "$killer"

ended() { # ended PID
    ! kill -0 "$1" 2>/dev/null
}

says() { # the version that answers, with its set's; whatever the host does meanwhile
    local said
    said=$(fleet_tool n1 other.pair x 2>/dev/null) && [ "$said" = "$1|$1 x" ]
}

runs=1.0.0 reloads=0 committed=0 wrong=0
while kill -0 "$killer" 2>/dev/null; do
    [ "$runs" = 1.0.0 ] && next=2.0.0 || next=1.0.0
    fleet_reload "echo@$next" "other@$next" "journaled@$next" --soak 0 >>"$FLEET/log/reloads" 2>&1
    status=$?
    reloads=$((reloads + 1))
    case $status in
    0) runs=$next committed=$((committed + 1)) ;;
    4 | 5 | 6) # a death between COMMIT and success is held against the version
        fleet_cli artifact unquarantine "echo@$next" >>"$FLEET/log/reloads" 2>&1
        fleet_cli artifact unquarantine "other@$next" >>"$FLEET/log/reloads" 2>&1
        fleet_cli artifact unquarantine "journaled@$next" >>"$FLEET/log/reloads" 2>&1
        ;;
    *)
        echo "# reload $reloads to $next ended with $status: $(tail -n 3 "$FLEET/log/reloads")"
        wrong=$((wrong + 1))
        break
        ;;
    esac
    fleet_until says "$runs" || {
        echo "# after reload $reloads to $next ($status): $(fleet_tool n1 other.pair x 2>&1)"
        wrong=$((wrong + 1))
        break
    }
done
kill "$killer" 2>/dev/null
echo "# $reloads reloads, $committed committed"
check_same 0 "after each reload the set that runs is the one that was committed" echo "$wrong"
check "there were reloads that came to something" test "$committed" -gt 0
check "callers have answers once more" fleet_callers_again n1
kill -s TERM "$writers" 2>/dev/null
fleet_until ended "$writers"
answered=$(awk '/^[0-9]+$/ { sum += $1 } END { print sum + 0 }' "$FLEET/log/answered")
writers=$(wc -l <"$FLEET/log/answered")
sum=$(fleet_tool n1 journaled.get)
echo "# journaled: $answered answered to $writers writers, $sum"
check "nothing that was answered is lost" test "${sum%% *}" -ge "$answered"
check "and nothing is there that nobody asked for" test "${sum%% *}" -le "$((answered + writers))"
fleet_callers_end n1
check_same "0 0" "no answer was of a mixed set, or wrong" echo "$WRONG $MIXED"
fleet_kill knocker TERM
echo "# knocker: $(tail -n 1 "$FLEET/log/knocker")"
check_same 0 "no connection was refused" jq -r 'select(.knocks > 0) | .refused' \
    <<<"$(tail -n 1 "$FLEET/log/knocker")"
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
