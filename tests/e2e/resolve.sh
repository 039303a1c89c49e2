#!/usr/bin/env bash
# The coordinator is gone while nodes are in doubt: a person decides on each, and the agent carries
# it out. When the coordinator is back after all it is told, and where it had decided otherwise the
# node has drifted, or is brought back.
set -u
. "$(dirname "$0")/../support/fleet.sh"

resolve() { # resolve NODE ARGUMENT...
    local node=$1
    shift
    timeout 20 "$FLEET_BIN/lockstep-agent" resolve --config "$FLEET/$node/agent.yaml" "$@"
}
says() { # says NODE VERSION: what the node's module answers with
    fleet_tool "$1" echo.say x | grep -q "^$2"
}
# An agent without a coordinator does not get ready: it is waited for as far as it gets.
start_alone() { # start_alone NODE
    fleet_start "agent-$1" 'host up' "$FLEET_BIN/lockstep-agent" --config "$FLEET/$1/agent.yaml"
}
# doubt POINT ID VERSION: every node has voted, and the coordinator dies there.
doubt() {
    fleet_kill lockstepd TERM
    FLEET_CRASH=$1 fleet_start_coordinator || fleet_fails "$1: the coordinator is ready"
    fleet_until fleet_ready n1 n2 n3
    fleet_reload "echo@$3" --soak 0 --request-id "$2" >"$FLEET/log/reload" 2>&1 || true
    fleet_wait_end lockstepd
}
all_are() { # all_are VERSION
    [ "$(fleet_versions echo)" = "n1=$1 n2=$1 n3=$1" ]
}
heuristic() { # heuristic NODE: what the audit trail holds of its decisions
    fleet_json "[.rows[] | select(.what == \"operation.heuristic\" and .who == \"$1\") | .detail] | join(\" | \")" audit
}
heard_of() { # heard_of NODE TEXT
    heuristic "$1" | grep -qF "$2"
}
heard() { # heard NODE
    [ -n "$(heuristic "$1")" ]
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "one is installed" fleet_install echo@1.0.0

# ---- decided by hand, against an abort ----
first=firstindoubtaaaaaaaaaaaaaa
doubt COORDINATOR_BEFORE_COMMIT "$first" 2.0.0
check_status 2 "an agent that runs is not decided for" resolve n1 "op-${first:0:8}" commit --reason gone
check_says 'First stop it .*then resolve, then start it again' "and the two steps are named" resolve n1 "op-${first:0:8}" commit --reason gone
fleet_kill agent-n1 TERM
fleet_kill agent-n2 TERM
check_status 2 "an operation and a decision are wanted" resolve n1
check_says "in doubt here: op-${first:0:8} \(echo\)" "and what is in doubt is shown" resolve n1
check_status 2 "what is not in doubt is not decided" resolve n1 op-zzzzzzzz commit --reason gone
check_status 2 "nor anything without a reason" resolve n1 "op-${first:0:8}" commit
check_says 'say why: --reason' "and it is asked for" resolve n1 "op-${first:0:8}" commit
check_status 2 "there is no third way" resolve n1 "op-${first:0:8}" maybe --reason gone
check_status 2 "--reason is for nothing else" timeout 10 "$FLEET_BIN/lockstep-agent" --config "$FLEET/n1/agent.yaml" --reason gone
check_says "^op-${first:0:8} is to commit on this node; start the agent" "a commit by hand" \
    resolve n1 "op-${first:0:8}" commit --reason "the coordinator burned down"
check_status 2 "is taken once" resolve n1 "op-${first:0:8}" abort --reason "or not"
check_says 'decided by hand already' "and it is said so" resolve n1 "op-${first:0:8}" abort --reason "or not"
check_says "is to abort on this node" "an abort by hand" resolve n2 "${first:0:6}" abort --reason "better not"
check "the agents start" start_alone n1
check "both" start_alone n2
check_eventually "who was told to commit runs the new version" says n1 2.0.0
check_eventually "who was told to abort has dropped it" grep -q 'decided by hand: abort (uid' "$FLEET/log/agent-n2"
check "and runs the old" says n2 1.0.0
check "as does who is still in doubt" says n3 1.0.0

# ---- the coordinator is back: it had not decided, so it was an abort ----
fleet_start_coordinator
check_eventually "nodes come back" fleet_ready n1 n2 n3
check_eventually "the commit is reported" heard n1
check_same "commit by hand (uid $(id -u)): the coordinator burned down; the coordinator's outcome: abort" \
    "with who, why, and what it had decided" heuristic n1
check_eventually "so is the abort" heard n2
check_same "aborted" "the operation is aborted" fleet_operation .result
check_status 3 "the fleet has drifted" fleet_cli check echo
check_same "n1 other-version" "on the node that was told otherwise" \
    fleet_json '.differences[] | "\(.node) \(.kind)"' check echo
check_says 'operation.heuristic +op-firstind +echo +commit by hand .*\(n1\)' "which is an event" fleet_cli events echo
check "a restart of the agent" fleet_kill agent-n1 TERM
check "does not tell it" fleet_start_agent n1
check_eventually "once more" fleet_ready n1
check_same "1" "as it was heard" fleet_json '[.rows[] | select(.what == "operation.heuristic" and .who == "n1")] | length' audit
check "a reload mends it" fleet_reload echo@2.0.0 --soak 0 --rollback-window 0
check "and all is well" fleet_cli check echo

# ---- decided by hand, against a commit ----
second=secondindoubtaaaaaaaaaaaaa
doubt COORDINATOR_AFTER_COMMIT "$second" 1.0.0
fleet_kill agent-n1 TERM
check_says "is to abort on this node" "an abort by hand of what was committed" resolve n1 "op-${second:0:8}" abort --reason "thought so"
check "the agent starts" start_alone n1
check_eventually "and drops it" grep -q 'decided by hand: abort (uid' "$FLEET/log/agent-n1"
fleet_start_coordinator
check_eventually "nodes come back" fleet_ready n1 n2 n3
check_eventually "it is reported, and what was decided" heard_of n1 "thought so; the coordinator's outcome: commit"
check_eventually "the operation misses the node, and goes back on the others" all_are 2.0.0
check_eventually "where nothing is left over" fleet_cli check echo
check_says 'operation.SETTLED +op-secondin +echo +sync_all reload: rolled-back \(n1: LOST: ' "which is an event, with the cause" \
    fleet_cli events echo
check_same "rolled-back" "as it says" fleet_json .result op show "$second"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
