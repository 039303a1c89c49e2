#!/usr/bin/env bash
# What happened, told as it was, once and in order: as it is, and as it comes, over a restart of the
# coordinator; and what a reader has missed is named.
set -u
. "$(dirname "$0")/../support/fleet.sh"

FLEET_SETTINGS="$FLEET_SETTINGS
  events_kept: 60"

events() { # events FILTER [ARGUMENT...]: what jq makes of each
    local filter=$1
    shift
    fleet_cli events -o jsonl "$@" | jq -r "$filter"
}
follow() { # follow NAME [ARGUMENT...]: a follower, which writes events to $FLEET/NAME
    local name=$1
    shift
    "$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" --coordinator "$FLEET_URL" events -f -o jsonl "$@" \
        >"$FLEET/$name" 2>"$FLEET/$name.err" </dev/null &
    fleet_pids[$name]=$!
}
has() { # has NAME FILTER: the follower was told of an event like that
    jq -s -e "any(.[]; $2)" "$FLEET/$1" >/dev/null
}
in_order() { # in_order NAME: each once, none left out
    jq -s -e '[.[].sequence] | . == [range(.[0]; .[0] + length)]' "$FLEET/$1" >/dev/null
}

fleet_of 2
fleet_needs "modules are pushed" fleet_modules echo-1 counter-1 echo-2
follow all --from 1
follow of_counter counter
check "a reload" fleet_install echo@1.0.0
check "and another" fleet_install counter@1.0.0
check_same "artifact.push operation.OPEN operation.COMMIT operation.SUCCEEDED" "what happened to a module, in order" \
    bash -c "jq -r .what <<<'$(events . counter | jq -c .)' | grep -v FINAL | paste -sd ' '"
check_same "succeeded" "with what became of it" \
    events 'select(.what == "operation.SUCCEEDED") | .text | split(": ")[1]' echo
check_says "^20[0-9-]+T[0-9:]+Z +[0-9]+ +operation.COMMIT +op-[a-z2-7]{8} +counter +sync_all reload$" \
    "a line an event" fleet_cli events counter
check_same "lockstep/events/v1" "as one document" fleet_json .schema events
check_same "1" "from a number on" bash -c "'$FLEET_BIN/lockstep' --config '$FLEET/operator.yaml' --coordinator '$FLEET_URL' events --from $(events .sequence --limit 1) --limit 1 -o name | wc -l"
check_same "$(events .sequence --from 1 | wc -l)" "and from a time on" bash -c "wc -l <<<'$(events .sequence --since 1h)'"
check_status 2 "what is no module is said" fleet_cli events Not/One
check_eventually "a follower is told all of it" has all '.what == "operation.SUCCEEDED" and .modules == ["counter"]'
check "each once, in order" in_order all
check_eventually "one of a module" has of_counter '.what == "operation.SUCCEEDED"'
check_same "counter" "of that module" bash -c "jq -r '.modules[]' '$FLEET/of_counter' | sort -u"

# ---- nodes, tokens, quarantine ----
fleet_kill agent-n2 KILL
check_eventually "a node that goes is told of" has all '.what == "node.absent" and .subject == "n2"'
check "it comes again" fleet_start_agent n2
check_eventually "and is told of" has all '.what == "node.back" and .subject == "n2"'
fleet_cli token create --join n3 -m "a third" >/dev/null
fleet_cli token revoke n3 -m "or not" >/dev/null
check_eventually "tokens are told of, with why" has all '.what == "token.revoke" and .subject == "n3" and .text == "or not" and .who != "coordinator"'
fleet_cli artifact quarantine echo@2.0.0 -m "smells" >/dev/null
check_eventually "and quarantine, by module" has all '.what == "version.quarantine" and .modules == ["echo"]'
fleet_cli artifact unquarantine echo@2.0.0 >/dev/null

# ---- drift ----
# A host that comes up without what the agent was told to run is drift made by nobody's operation:
# the journal is told another story instead.
check "a pin is drift to nobody" fleet_cli reload echo@2.0.0 --strategy local --node n1 -y --soak 0
check "a wish that was forged in the journal" sqlite3 "$FLEET/coordinator/journal.db" \
    "PRAGMA busy_timeout = 5000; UPDATE desired SET pin = 0, digest = (SELECT digest FROM artifact WHERE module = 'echo' AND version = '1.0.0') WHERE module = 'echo' AND node = 0"
check_eventually "is drift, and told of" has all '.what == "drift.seen" and .subject == "n1" and .modules == ["echo"]'
check "which is mended" fleet_cli reload echo@1.0.0 --strategy sync_all --node n1 -y --soak 0
check_eventually "and told to be over" has all '.what == "drift.over" and .subject == "n1"'

# ---- over a restart ----
fleet_kill lockstepd KILL
check_eventually "who follows sees the coordinator go" grep -q 'the coordinator is away' "$FLEET/all.err"
fleet_start_coordinator
check_eventually "and is there again by itself" has all '.what == "epoch.raise" and .sequence > 8'
check_eventually "nodes come back" fleet_ready n1 n2
check "an operation after that" fleet_reload echo@2.0.0 --soak 0
check_eventually "is told" has all '.what == "operation.SUCCEEDED" and .modules == ["echo"] and .sequence > 30'
check "nothing is lost, and nothing told twice" in_order all
kill -s INT "${fleet_pids[all]}"
wait "${fleet_pids[all]}"
check_same 0 "Ctrl-C ends who was told to follow, well" echo $?
unset "fleet_pids[all]"
fleet_kill of_counter INT

# ---- a slow one ----
first=$(events .sequence --from 1 | head -n 1)
for n in $(seq 40); do
    fleet_cli token create --join "x$n" >/dev/null
done
check_says '"what":"gap"' "who asks for what is not kept is told" events 'select(.what == "gap") | tojson' --from 1
last=$(events .sequence --limit 1)
check_same "1 $((last - 60)) $((last - 59))" "what it missed, by number, and what there is" \
    bash -c "jq -s -r '\"\(.[0].first) \(.[0].last) \(.[1].sequence)\"' <<<'$(fleet_cli events --from 1 -o jsonl)'"
check_same "60" "no more than that is kept" sqlite3 "$FLEET/coordinator/journal.db" "SELECT count(*) FROM event"
follow slow --from 1
check_eventually "a follower begins" has slow '.what == "gap"'
kill -s STOP "${fleet_pids[slow]}"
for n in $(seq 70); do
    fleet_cli token create --join "y$n" >/dev/null
done
memory=$(awk '/VmRSS/ {print $2}' "/proc/$(fleet_pid lockstepd)/status")
echo "# the coordinator has $memory kB"
kill -s CONT "${fleet_pids[slow]}"
check_eventually "who reads slowly gets there" has slow '.subject == "y70"'
fleet_kill slow INT
# Twenty megabytes for somebody who does not read: the coordinator keeps none of it.
fleet_kill lockstepd TERM
sed -i 's/events_kept: 60/events_kept: 65000/' "$FLEET/lockstepd.yaml"
sqlite3 "$FLEET/coordinator/journal.db" "WITH RECURSIVE n(i) AS (SELECT max(sequence) + 1 FROM event UNION ALL
    SELECT i + 1 FROM n LIMIT 60000) INSERT INTO event SELECT i, 0, 0, 'filler', '', '',
    hex(zeroblob(100)) FROM n"
fleet_start_coordinator
mkfifo "$FLEET/fifo"
exec {fifo}<>"$FLEET/fifo"
"$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" --coordinator "$FLEET_URL" events --from 1 -o jsonl \
    >"$FLEET/fifo" 2>"$FLEET/blocked.err" &
fleet_pids[blocked]=$!
IFS= read -r line <&"$fifo" # it has begun, and now waits
printf '%s\n' "$line" >"$FLEET/blocked"
check "others are answered meanwhile" fleet_cli node ls
memory=$(awk '/VmHWM/ {print $2}' "/proc/$(fleet_pid lockstepd)/status")
echo "# the coordinator had at most $memory kB"
grep -q __asan_init "$FLEET_BIN/lockstepd" || # which keeps what was freed
    check "and it keeps little for who does not read" [ "$memory" -lt 30000 ]
cat <&"$fifo" >>"$FLEET/blocked" &
reader=$!
check "who reads at last gets to the end" fleet_wait_end blocked
check_eventually "of all of it" bash -c "[ \"\$(wc -l <'$FLEET/blocked')\" -ge 60000 ]"
kill "$reader"
exec {fifo}<&-
check "each once, in order" bash -c "jq -s -e 'map(select(.what != \"gap\").sequence) | . == [range(.[0]; .[0] + length)]' '$FLEET/blocked' >/dev/null"
check_same "" "and was never cut off" cat "$FLEET/blocked.err"
check_status 124 "--timeout bounds the following" fleet_cli events -f --timeout 1s
check "the audit trail is whole" fleet_cli audit verify
fleet_end
