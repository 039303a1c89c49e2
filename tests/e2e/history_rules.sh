#!/usr/bin/env bash
# The judge of histories (tests/support/history) finds nothing in one that holds, and in each that
# does not the rule that was broken.
set -u
. "$(dirname "$0")/../support/fleet.sh"

judge=$FLEET_ROOT/tests/support/history
fleet_begin

# Two nodes. op-a brought 1.0.0 to both; op-b was aborted; op-c committed, and op-d went back from it.
write_history() {
    cat >"$FLEET/whole" <<'END'
{"asked": [
   {"id": "a", "strategy": "sync_all", "exit": 0, "deadline_ms": 1000},
   {"id": "b", "strategy": "quorum", "exit": 6, "deadline_ms": 1000},
   {"id": "c", "strategy": "sync_all", "exit": 7, "deadline_ms": 1000},
   {"id": "e", "strategy": "local", "exit": 9, "deadline_ms": 1000},
   {"id": "f", "strategy": "sync_all", "exit": 4, "deadline_ms": 1000}],
 "operations": [
   {"id": "a", "short": "op-a", "kind": "reload", "strategy": "sync_all", "result": "succeeded", "n": 2, "counts": {"healthy": 2},
    "times": {"opened_unix_ms": 1000, "ended_unix_ms": 1500},
    "items": [{"module": "echo", "generation": 1, "version": "1.0.0"}], "parts": [{"node": "n1"}, {"node": "n2"}]},
   {"id": "b", "short": "op-b", "kind": "reload", "strategy": "quorum", "result": "aborted",
    "times": {"opened_unix_ms": 2000, "ended_unix_ms": 2500},
    "items": [{"module": "echo", "generation": 3, "version": "2.0.0"}], "parts": [{"node": "n1"}, {"node": "n2"}]},
   {"id": "c", "short": "op-c", "kind": "reload", "strategy": "sync_all", "result": "rolled-back",
    "times": {"opened_unix_ms": 3000, "ended_unix_ms": 3500},
    "items": [{"module": "echo", "generation": 5, "version": "2.0.0"}], "parts": [{"node": "n1"}, {"node": "n2"}]},
   {"id": "d", "short": "op-d", "kind": "compensation", "strategy": "sync_all", "result": "rolled-back",
    "times": {"opened_unix_ms": 3600, "ended_unix_ms": 3900},
    "items": [{"module": "echo", "generation": 6, "version": null}], "parts": [{"node": "n1"}]}],
 "events": [
   {"operation": "op-a", "what": "operation.OPEN"}, {"operation": "op-a", "what": "operation.COMMIT"},
   {"operation": "op-b", "what": "operation.OPEN"}, {"operation": "op-b", "what": "operation.ABORT"},
   {"operation": "op-c", "what": "operation.COMMIT"}, {"operation": "op-d", "what": "operation.COMMIT"},
   {"operation": null, "what": "node.absent"}],
 "served": [
   {"node": "n1", "thread": 0, "module": "echo", "generation": 1, "version": "1.0.0", "unix_ms": 1200},
   {"node": "n2", "thread": 0, "module": "echo", "generation": 1, "version": "1.0.0", "unix_ms": 1300},
   {"node": "n1", "thread": 0, "module": "echo", "generation": 5, "version": "2.0.0", "unix_ms": 3200},
   {"node": "n1", "thread": 0, "module": "echo", "generation": 6, "version": "1.0.0", "unix_ms": 3700}],
 "calls": [{"calls": 10, "lost": 0, "failed": 0, "wrong": 0, "mixed": 0}]}
END
}

# finds REGEX NAME FILTER: in the history that FILTER makes of the good one.
finds() {
    local file
    mkdir -p "$FLEET/history"
    jq "$3" "$FLEET/whole" >"$FLEET/other" || return
    for file in asked operations events served calls; do
        jq ".${file}[]" "$FLEET/other" >"$FLEET/history/$file"
    done
    check_says "$1" "$2" "$judge" "$FLEET/history" 0
}

write_history
finds '^$' "a history that holds" .
check "and that is how it ends" "$judge" "$FLEET/history" 0
finds '^op-a: decided more than once: operation.COMMIT, operation.ABORT' "two decisions" \
    '.events += [{"operation": "op-a", "what": "operation.ABORT"}]'
check_status 1 "and that is how it ends" "$judge" "$FLEET/history" 0
finds '^op-b: aborted, and its decision is operation.COMMIT' "aborted, and it was not" \
    '.events |= map(if .what == "operation.ABORT" then .what = "operation.COMMIT" else . end)'
finds '^op-a: succeeded, and its decision is $' "succeeded without a decision" \
    '.events |= map(select(.operation != "op-a"))'
finds '^op-a: succeeded with 1 of 2, sync_all' "all but one agreed" '.operations[0].counts.healthy = 1'
finds '^op-a: succeeded with 1 of 2, quorum' "half is no majority" \
    '.operations[0].counts.healthy = 1 | .operations[0].strategy = "quorum"'
finds '^op-c: never ended: soaking' "one without an end" \
    '.operations[2] |= (.result = null | .state = "soaking")'
finds '^op-a: ended after 1001 ms' "one that ends late" '.operations[0].times.ended_unix_ms = 2001'
finds '^$' "unless it stood still meanwhile" '.operations[0].times.ended_unix_ms = 2001 | .events += [
    {"operation": null, "what": "alarm.raised", "text": "isolated: …", "unix_ms": 500},
    {"operation": null, "what": "alarm.over", "text": "isolated: …", "unix_ms": 1001}]'
finds '^op-a: ended after 1002 ms' "for as long as that" '.operations[0].times.ended_unix_ms = 2002 | .events += [
    {"operation": null, "what": "alarm.raised", "text": "isolated: …", "unix_ms": 500},
    {"operation": null, "what": "alarm.over", "text": "isolated: …", "unix_ms": 1001}]'
finds '^n2 served echo@2.0.0 generation 3, of op-b, which did not commit' "what was aborted is served" \
    '.served += [{"node": "n2", "thread": 0, "module": "echo", "generation": 3, "version": "2.0.0", "unix_ms": 2400}]'
finds '^n2 served echo@1.0.0 generation 9, which no operation brought' "what nobody brought is served" \
    '.served += [{"node": "n2", "thread": 0, "module": "echo", "generation": 9, "version": "1.0.0", "unix_ms": 2400}]'
finds '^n2 served echo@1.0.0 generation 6, of op-d, in which it had no part' "somebody else's is served" \
    '.served += [{"node": "n2", "thread": 0, "module": "echo", "generation": 6, "version": "1.0.0", "unix_ms": 3800}]'
finds '^n1 served echo@2.0.0 generation 1, and that is 1.0.0' "another version under that generation" \
    '.served[0].version = "2.0.0"'
finds '^n1: echo generation 1 after 6' "a generation that comes back" \
    '.served += [{"node": "n1", "thread": 0, "module": "echo", "generation": 1, "version": "1.0.0", "unix_ms": 4000}]'
finds '^op-a: succeeded on all, and n2 did not serve echo generation 1' "all but one" \
    '.served |= map(select(.node != "n2"))'
finds '^op-a: succeeded on all, and n2 did not serve' "one too late" '.served[1].unix_ms = 2501'
finds '^b: the command ended with 0, and its result is aborted' "a success that was none" '.asked[1].exit = 0'
finds '^a: the command ended with 6, and its result is succeeded' "a failure that was none" '.asked[0].exit = 6'
finds '^f: the command ended with 0, and its result is null' "a success of which nobody knows" \
    '.asked[4].exit = 0'
finds '^c: asked for, and the command ended with 1' "a command that broke" '.asked[2].exit = 1'
finds '^callers: 10 calls, 1 lost' "a lost call" '.calls[0].lost = 1'
finds '^callers: 0 calls' "no calls at all" '.calls[0].calls = 0'
fleet_end
