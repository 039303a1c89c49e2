#!/usr/bin/env bash
# All is well: install, reload of a set, local, undo, one id asked for a hundred times, a module that is held.
set -u
. "$(dirname "$0")/../support/fleet.sh"

all_at() { # all_at VERSION
    echo "n1=$1 n2=$1 n3=$1"
}

md5_of_mapped() { # md5_of_mapped MODULE: one line if all nodes have the same
    fleet_json '[.rows[].md5] | unique | join(" ")' module status "$1"
}

hundred_times() {
    local i failed=0 pids=()
    for ((i = 0; i < 100; i++)); do
        fleet_reload echo@2.0.0 other@2.0.0 --soak 0 --request-id "$1" >"$FLEET/log/ask-$i" 2>&1 &
        pids+=($!)
        if [ ${#pids[@]} -eq 10 ]; then
            for pid in "${pids[@]}"; do
                wait "$pid" || failed=$((failed + 1))
            done
            pids=()
        fi
    done
    echo "$failed of 100 did not end with 0"
    grep -h -v '^op-' "$FLEET"/log/ask-* | sort | uniq -c | sort -n | head -n 5
    [ "$failed" -eq 0 ]
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 other@1.0.0 counter@1.0.0
check_same "$(all_at 1.0.0)" "echo 1 is on every node" fleet_versions echo
check_same "$(all_at 1.0.0)" "counter 1 is on every node" fleet_versions counter
fleet_needs "callers have answers" fleet_callers "$FLEET_TOOLS" n1 n2 n3

# One set of three modules, one of them with state.
check "sync_all brings version 2 as one set" fleet_reload echo@2.0.0 other@2.0.0 counter@2.0.0
check_same succeeded "the operation has succeeded" fleet_operation .result
check_same 3 "and has three items" fleet_operation '.items | length'
for module in echo other counter; do
    check_same "$(all_at 2.0.0)" "$module 2 is on every node" fleet_versions "$module"
    check_same "$(md5sum <"$FLEET_GOOD/$module-2.so" | cut -d ' ' -f 1)" \
        "what is mapped of $module has the file's md5" md5_of_mapped "$module"
done
check_eventually "the fleet is consistent" fleet_cli check
for node in n1 n2 n3; do
    fleet_callers_again "$node"
    check_calls "no call on $node was lost, failed or mixed" "$node"
    check_same 6 "two callers there saw three tools change once" echo "$CHANGES"
done
fleet_needs "callers have answers" fleet_callers "$FLEET_TOOLS" n1 n2 n3

# What can be called, as the node says and as its socket does.
check_same "$(fleet_tool_names --socket "$(fleet_socket n1)")" "a node's tools are listed through the coordinator" \
    fleet_tool_names --node n1

# Back, with what was counted meanwhile.
before=$(fleet_tool n1 counter.get)
check "undo" fleet_cli undo echo other counter --no-quarantine --soak 0
check_same "$(all_at 1.0.0)" "echo is back on every node" fleet_versions echo
check_same "$(all_at 1.0.0)" "counter is back on every node" fleet_versions counter
after=$(fleet_tool n1 counter.get)
check "the count went on (${before% *} to ${after% *})" test "${after% *}" -gt "${before% *}"
check_eventually "the fleet is consistent after it" fleet_cli check

# The same id a hundred times.
operations=$(fleet_json '.operations | length' op ls)
check "one id is asked for a hundred times" hundred_times samerequestidaskedforhunde
check_same $((operations + 1)) "that is one operation" fleet_json '.operations | length' op ls
check_same "$(all_at 2.0.0)" "which was done" fleet_versions echo
check_status 5 "the same id for something else is a conflict" \
    fleet_reload echo@1.0.0 other@1.0.0 --request-id samerequestidaskedforhunde

# Local is for one node.
check "local on n2" fleet_cli reload echo@1.0.0 other@1.0.0 --strategy local --node n2 --soak 0
check_same "n1=2.0.0 n2=1.0.0 n3=2.0.0" "it changed n2 alone" fleet_versions echo
check_eventually "a pin is no difference" fleet_cli check

# A module that an operation holds.
check "counter is reloaded with a soak" fleet_reload counter@2.0.0 --soak 6s --extra 1000000 -d
check_status 5 "a second operation on it is refused" fleet_reload counter@1.0.0 --soak 0
check_says 'op-[a-z2-7]{8}' "which says who holds it" fleet_reload counter@1.0.0 --soak 0
check "a disjoint one is not" fleet_reload echo@2.0.0 other@2.0.0 --again --soak 0 --node n1
check "the first one succeeds" fleet_cli op wait "$(fleet_json '.operations[] | select(.modules == ["counter"] and .result == null) | .id' op ls)"
check_same "$(all_at 2.0.0)" "counter 2 is on every node" fleet_versions counter
after=$(fleet_tool n1 counter.get)
check "its state went up with the operator's text (${after% *})" test "${after% *}" -gt 1000000
check_eventually "the fleet is consistent in the end" fleet_cli check
check_calls "no call was lost, failed or mixed in all of that" n1 n2 n3

# An agent that is away is a difference.
fleet_kill agent-n3 TERM
check_status 3 "check ends with 3 while n3 is away" fleet_cli check
check "n3 is back" fleet_start_agent n3
check_eventually "and the fleet consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
