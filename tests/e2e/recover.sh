#!/usr/bin/env bash
# A coordinator whose journal is lost, and whose backup is older than what nodes know: every node is
# asked, what they show is written, and what nobody can know stays in doubt until a person decides.
set -u
. "$(dirname "$0")/../support/fleet.sh"

restore() { # restore TARGET: with the key and the artifacts that were
    rm -rf "$FLEET/lost" && mv "$FLEET/coordinator" "$FLEET/lost"
    mkdir -m 0700 "$FLEET/coordinator"
    tar -xpf "$1" -C "$FLEET/coordinator" && cp -p "$FLEET/lost/key" "$FLEET/coordinator/" &&
        cp -p "$FLEET/lost/artifacts/"* "$FLEET/coordinator/artifacts/"
}

backup() { # backup TARGET
    "$FLEET_BIN/lockstepd" backup --config "$FLEET/lockstepd.yaml" "$1"
}

recover() { # recover SECONDS
    timeout --preserve-status "$1" "$FLEET_BIN/lockstepd" recover --from-agents --config "$FLEET/lockstepd.yaml"
}

part_is() { # part_is NODE STATE
    [ "$(fleet_operation ".parts[] | select(.node == \"$1\") | .state")" = "$2" ]
}

read_only() { # read_only true|false
    [ "$(fleet_json .read_only status)" = "$1" ]
}

runs() { # runs VERSION NODE...
    local node
    for node in "${@:2}"; do
        [ "$(fleet_tool "$node" echo.say x)" = "$1 x" ] || return
    done
}

# n1 and n3 vote, and n2 cannot.
begin() { # begin VERSION
    kill -s STOP "$(fleet_pid agent-n2)"
    check "an operation begins" fleet_reload "echo@$1" --soak 0 --rollback-window 0 --commit-deadline 1m --detach
    check_eventually "n1 has voted" part_is n1 prepared
    check_eventually "n3 has voted" part_is n3 prepared
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- open when the backup was taken, committed since; n3 does not know ----
begin 2.0.0
check "a backup is taken" backup "$FLEET/first"
kill -s STOP "$(fleet_pid agent-n3)"
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "it is committed on two" runs 2.0.0 n1 n2
fleet_kill lockstepd KILL
check "the backup is unpacked" restore "$FLEET/first"
check_status 2 "without n3 nothing is recovered" recover 1
check_says 'not every member was heard, so nothing was changed' "and it is said why" recover 0.5
check_status 2 "--from-agents is to be said" timeout 5 "$FLEET_BIN/lockstepd" recover --config "$FLEET/lockstepd.yaml"
kill -s CONT "$(fleet_pid agent-n3)"
check_says 'the journal is recovered: decision [0-9]+, 1 operations committed, 0 in doubt' \
    "with all of them it is, and what two run was committed" recover 20
check "a coordinator starts on it" fleet_start_coordinator
check_eventually "n3 is told so" runs 2.0.0 n1 n2 n3
check "it is not read-only" read_only false
check_eventually "nothing is different" fleet_cli check

# ---- opened after the backup: nobody can know ----
check "a backup is taken" backup "$FLEET/second"
check "a version goes by" fleet_reload echo@1.0.0 --soak 0 --rollback-window 0
begin 2.0.0
operation=$(fleet_operation .id)
fleet_kill lockstepd KILL
fleet_kill agent-n2 KILL
fleet_needs "n2 starts again, and has voted on nothing" fleet_start agent-n2 . \
    "$FLEET_BIN/lockstep-agent" --config "$FLEET/n2/agent.yaml"
check "the backup is unpacked" restore "$FLEET/second"
check_says "n[13] is in doubt of $operation, which this journal does not know" "it is recovered, but for that" recover 20
check "a coordinator starts on it" fleet_start_coordinator
check_eventually "the nodes are there" fleet_ready n1 n2 n3
check "it is not read-only" read_only false
for node in n1 n3; do
    fleet_kill "agent-$node" TERM
    check_same 1 "$node is still in doubt" \
        sqlite3 "$FLEET/$node/data/journal.db" "SELECT count(*) FROM operation WHERE row = 1"
    check "a person decides that" "$FLEET_BIN/lockstep-agent" resolve "$operation" abort \
        --reason "n2 runs version 1" --config "$FLEET/$node/agent.yaml"
    check "$node starts again" fleet_start_agent "$node"
done
check_eventually "the nodes are there" fleet_ready n1 n2 n3
check "an operation goes through, above all that nodes know" fleet_reload echo@2.0.0 --soak 0
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "everywhere" fleet_versions echo
check_eventually "nothing is different" fleet_cli check
check_says 'journal.recover' "what was found out is in the trail" fleet_cli audit --limit 100
check "the audit trail is whole" fleet_cli audit verify
fleet_end
