#!/usr/bin/env bash
# A module that leaves things behind in its process (C++, a unique symbol, a thread's own object) is
# exchanged with the whole process, again and again, under callers that never notice: there and
# back, with a counter's state, with an agent that dies in the middle, with an agent that is
# upgraded. A host that has spent its budget of retired versions is exchanged by itself.
set -u
. "$(dirname "$0")/../support/fleet.sh"

FLEET_SETTINGS="$FLEET_SETTINGS
  retired: 3"
version=1 # of pinned

processes() { # processes NODE ROLE: how many the note has
    grep -c " $2\$" "$FLEET/$1/run/tools/default.pid"
}

serving() { # serving NODE
    sed -n 's/ .* serves$//p' "$FLEET/$1/run/tools/default.pid"
}

is_alone() { # is_alone NODE: no process but the one that serves
    [ "$(processes "$1" serves) $(wc -l <"$FLEET/$1/run/tools/default.pid")" = "1 1" ]
}

swap() { # swap [OPTION...]: pinned to its other version
    version=$((3 - version))
    fleet_reload "pinned@$version.0.0" --soak 0 --rollback-window 200ms "$@"
}

swap_often() { # swap_often TIMES: each time by a new process, for no other is kept
    local i
    for ((i = 0; i < $1; i++)); do
        swap --rollback-window 0 >"$FLEET/log/swap" 2>&1 || {
            cat "$FLEET/log/swap"
            return 1
        }
    done
}

is_on() { # is_on VERSION
    [ "$(fleet_versions pinned)" = "n1=$1.0.0" ] && fleet_cli check
}

is_another_than() { # is_another_than PID
    [ "$(serving n1)" != "$1" ]
}

recycled() {
    [ "$(fleet_json .host_recycles node show n1)" = 1 ]
}

push_pinned() {
    local number
    for number in 1 2; do
        fleet_push "$FLEET_GOOD/pinned-$number.so" --waive gnu-unique || return
    done
}

fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
check_status 2 "a waiver and in-place contradict each other" \
    fleet_push "$FLEET_GOOD/pinned-1.so" --waive gnu-unique --driver in-place
check_status 4 "the pinned one is refused without a waiver" fleet_push "$FLEET_GOOD/pinned-1.so"
fleet_needs "with one it is taken" push_pinned
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 counter@1.0.0 pinned@1.0.0
fleet_needs "callers have answers" fleet_callers "pinned.pair echo.say counter.add" n1
first=$(serving n1)

# ---- there and back, 20 times ----
check "it is reloaded 20 times" swap_often 20
check_eventually "the node is on the last version" is_on "$version"
check "in another process" is_another_than "$first"
check_eventually "those before have ended" is_alone n1
fleet_callers_again n1

# ---- back inside the window: the process before is warm ----
before=$(serving n1)
check "it is reloaded with a long window" swap --rollback-window 1m
check "the process before is warm" kill -0 "$before"
check_same 1 "and known to be" processes n1 left
check "undo goes back" fleet_cli undo pinned -y --no-quarantine
version=$((3 - version))
check_same "$before" "to that process" serving n1
check_eventually "the node is on the version before" is_on "$version"

# ---- an agent dies in the middle ----
for point in AGENT_AFTER_VOW AGENT_BEFORE_POINTER AGENT_AFTER_POINTER AGENT_BEFORE_LEAVE \
    AGENT_AFTER_LEAVE AGENT_AFTER_PUBLISH; do
    fleet_kill agent-n1 TERM
    FLEET_CRASH=$point fleet_start_agent n1 || fleet_fails "$point: n1 is ready"
    fleet_until fleet_ready n1
    version=$((3 - version))
    fleet_reload "pinned@$version.0.0" --soak 0 --rollback-window 200ms >"$FLEET/log/reload" 2>&1 &
    reload=$!
    check "$point: the agent dies there" fleet_wait_end agent-n1
    fleet_callers_again n1
    check "$point: it starts again" fleet_start_agent n1
    wait "$reload" || version=$((3 - version))
    check_eventually "$point: the node is on one version" is_on "$version"
    check_eventually "$point: one process serves, and no other is left" is_alone n1
done

# ---- the agent is upgraded ----
host=$(serving n1)
fleet_kill agent-n1 TERM
cp "$FLEET_BIN/lockstep-agent" "$FLEET/lockstep-agent"
fleet_callers_again n1
printf 'host: %s\nprobe: %s\n' "$FLEET_BIN/lockstep-host" "$FLEET_BIN/lockstep-probe" \
    >>"$FLEET/n1/agent.yaml"
check "a new agent starts" \
    fleet_start agent-n1 'ready' "$FLEET/lockstep-agent" --config "$FLEET/n1/agent.yaml"
check_eventually "its node is ready" fleet_ready n1
check_same "$host" "its host is the same one" serving n1

# ---- the host is upgraded: the next reload exchanges it ----
cp "$FLEET_BIN/lockstep-host" "$FLEET/lockstep-host"
fleet_kill agent-n1 TERM
sed -i "s|^host: .*|host: $FLEET/lockstep-host|" "$FLEET/n1/agent.yaml"
check "the agent starts with another host program" fleet_start_agent n1
check_eventually "the node is ready with it" fleet_ready n1
check_same "$host" "the host that runs is not touched" serving n1
check "a module that is exchanged in place is reloaded" \
    fleet_reload echo@2.0.0 --soak 0 --rollback-window 200ms
check "the host is another one" is_another_than "$host"
check_same "$FLEET/lockstep-host" "of the new program" readlink "/proc/$(serving n1)/exe"

# ---- a budget that is spent ----
check_eventually "the one before has ended" is_alone n1
host=$(serving n1)
for number in 1 2 1; do
    check "echo $number is loaded in place" \
        fleet_reload "echo@$number.0.0" --soak 0 --rollback-window 0
done
check_eventually "the host that has spent its budget is exchanged" is_another_than "$host"
check_eventually "and has ended" is_alone n1
check_eventually "node show counts it" recycled
check_eventually "the fleet is consistent" fleet_cli check

check_calls "no call was lost, failed or mixed" n1
check "the audit trail is whole" fleet_cli audit verify
fleet_end
