#!/usr/bin/env bash
# Going back after 1,000 writes under version 2, and hosts that are killed under writes: each class keeps what it
# promises, and the plan has said so.
set -u
. "$(dirname "$0")/../support/fleet.sh"

classes="lossless journaled snapshot"

each() { # each VERSION: a subject of every class
    local class
    for class in $classes; do
        echo "$class@$1"
    done
}

has() { # has MODULE NUMBERS: sum, additions, tags
    [ "$(fleet_tool n1 "$1.get" 2>/dev/null)" = "$2" ]
}

write_on() { # write_on COUNT MODULE...
    local module
    for module in "${@:2}"; do
        "$FLEET_BIN/lockstep-writer" "$(fleet_socket n1)" "$module.add" "$1" | tail -n 1 | grep -qx "$1" || return
    done
}

host_is_another_than() { # host_is_another_than PID
    local now
    now=$(fleet_host n1) && [ "$now" != "$1" ]
}

kill_host() {
    local host
    host=$(fleet_host n1)
    kill -s KILL "$host"
    fleet_until host_is_another_than "$host"
}

classes_of() { # classes_of WHAT...: "module class …" of a plan
    fleet_json '[.items[] | "\(.module) \(.rollback)"] | join(", ")' plan --strategy sync_all "$@"
}

fleet_of 1
fleet_needs "modules are pushed" fleet_modules {lossless,journaled,snapshot,none,lies}-{1,2}
# shellcheck disable=SC2046 # words
fleet_needs "version 1 is installed" fleet_install $(each 1.0.0) none@1.0.0 lies@1.0.0
check "three writes each" write_on 3 $classes none lies

# ---- the plan says it ----
# shellcheck disable=SC2046
check_same "lossless lossless, journaled journaled, snapshot snapshot" "the plan says the classes" \
    classes_of $(each 2.0.0)
check_same "none none" "also of what cannot go back" classes_of none@2.0.0
check_says "would lose writes made in the window" "and what that means" \
    fleet_cli plan --strategy sync_all snapshot@2.0.0
check_status 4 "at least journaled: a snapshot is refused" \
    fleet_reload snapshot@2.0.0 --soak 0 --require-rollback journaled
check_status 6 "what says lossless, and is not, is refused by the node" fleet_reload lies@2.0.0 --soak 0
check_same "STATE" "for its state" fleet_operation .cause.code
check "journaled is enough where journaled is asked for" \
    fleet_reload journaled@2.0.0 --soak 0 --rollback-window 5m --require-rollback journaled
# One operation each: an undo ends the window of all that came in the same one.
for class in lossless snapshot none; do
    check "$class goes to version 2" fleet_reload "$class@2.0.0" --soak 0 --rollback-window 5m
    check_same "$class" "the operation says what it is" fleet_operation .items[0].rollback
done
# shellcheck disable=SC2046
check_same "lossless lossless, journaled journaled, snapshot snapshot" "so is a reload of the version before" \
    classes_of $(each 1.0.0)

# ---- going back by hand ----
check "1,000 writes each under version 2" write_on 1000 $classes none
for class in $classes; do
    check "$class goes back" fleet_cli undo "$class" --no-quarantine -y
done
check_status 6 "none does not" fleet_cli undo none --no-quarantine -y
check "lossless has lost none" has lossless "1003 1003 0"
check "journaled has lost none" has journaled "1003 1003 0"
check "snapshot has lost them all" has snapshot "3 3 0"
check "none is where it was" has none "1003 1003 0"
check "the agent's log says what was lost" \
    grep -q "writes lost: snapshot 1.0.0 has its state by .* is lost" "$FLEET/log/agent-n1"

# ---- a host is killed at rest: what its class promises is there ----
# shellcheck disable=SC2046
check "all go to version 2 again" fleet_reload $(each 2.0.0) --soak 0 --rollback-window 5m
check "1,000 writes each again" write_on 1000 $classes
check "the host is killed" kill_host
check_eventually "journaled has every write" has journaled "2003 2003 0"
check_eventually "lossless has the state of its commit" has lossless "1003 1003 0"
check_eventually "so has snapshot" has snapshot "3 3 0"
check_eventually "none begins anew" has none "0 0 0"

# ---- and under writes ----
"$FLEET_BIN/lockstep-writer" "$(fleet_socket n1)" journaled.add 0 >"$FLEET/log/writer" &
writer=$!
check "a writer is at it" fleet_wait_line "$FLEET/log/writer" '^ready' "$writer"
check "the host is killed under it" kill_host
wait "$writer"
answered=$((2003 + $(tail -n 1 "$FLEET/log/writer")))
sum_is() { # what was answered, and at most one more
    local sum
    sum=$(fleet_tool n1 journaled.get 2>/dev/null) && sum=${sum%% *} &&
        [ "$sum" -ge "$answered" ] && [ "$sum" -le $((answered + 1)) ]
}
check_eventually "nothing that was answered is lost" sum_is
sum=$(fleet_tool n1 journaled.get)
check "and it goes back from there" fleet_cli undo journaled --no-quarantine -y
check "with all of it" has journaled "$sum"

# ---- a node that wants more ----
fleet_kill agent-n1 TERM
echo "rollback_at_least: [snapshot, journaled=lossless]" >>"$FLEET/n1/agent.yaml"
check "the agent comes back with a policy" fleet_start_agent n1
check_eventually "it is ready" fleet_ready n1
check_status 6 "journaled is not enough, for the module of that name" fleet_reload journaled@2.0.0 --soak 0
check_says "this node wants at least lossless" "and it says why" fleet_operation .cause.text
check "going back is none of its business" fleet_cli undo lossless --no-quarantine -y
check "and what is lossless comes" fleet_reload lossless@2.0.0 --soak 0
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
