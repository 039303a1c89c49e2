#!/usr/bin/env bash
# An older journal in the place of the newer one (T11): what was decided since is not decided again the
# other way, whoever is asked first.
set -u
. "$(dirname "$0")/../support/fleet.sh"

restore() { # restore TARGET: with the key and the artifacts that were
    mv "$FLEET/coordinator" "$FLEET/newer"
    mkdir -m 0700 "$FLEET/coordinator"
    tar -xpf "$1" -C "$FLEET/coordinator" && cp -p "$FLEET/newer/key" "$FLEET/coordinator/" &&
        cp -p "$FLEET/newer/artifacts/"*.so "$FLEET/coordinator/artifacts/"
}

# The newer one takes its place again.
put_back() {
    rm -rf "${FLEET:?}/coordinator" && mv "$FLEET/newer" "$FLEET/coordinator"
}

part_is() { # part_is NODE STATE
    [ "$(fleet_operation ".parts[] | select(.node == \"$1\") | .state")" = "$2" ]
}

read_only() { # read_only true|false
    [ "$(fleet_json .read_only status)" = "$1" ]
}

# n3 has asked this coordinator what became of what it promised, more than once.
asked() {
    fleet_ready n3 && [ "$(fleet_json '.nodes[] | select(.node == "n3") | .heard_unix_ms' node ls)" -gt "$1" ]
}

in_doubt() { # how many promises a node keeps that nobody has decided; its agent is not running
    sqlite3 "$FLEET/$1/data/journal.db" "SELECT count(*) FROM operation WHERE row = 1"
}

runs() { # runs VERSION NODE...
    local node
    for node in "${@:2}"; do
        [ "$(fleet_tool "$node" echo.say x)" = "$1 x" ] || return
    done
}

# Two of three have voted when a backup is taken; n2 cannot.
begin() { # begin VERSION
    kill -s STOP "$(fleet_pid agent-n2)"
    check "an operation begins" fleet_reload "echo@$1" --soak 0 --rollback-window 0 --commit-deadline 1m --detach
    check_eventually "n1 has voted" part_is n1 prepared
    check_eventually "n3 has voted" part_is n3 prepared
    check "a backup is taken" "$FLEET_BIN/lockstepd" backup --config "$FLEET/lockstepd.yaml" "$FLEET/backup-$1"
}

fleet_of 3
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0

# ---- it was committed since, and who is in doubt asks first ----
begin 2.0.0
fleet_kill agent-n3 KILL # not stopped: what is in its socket would be read later
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "it is committed, and n3 does not hear of it" runs 2.0.0 n1 n2
fleet_kill lockstepd KILL
kill -s STOP "$(fleet_pid agent-n1)" "$(fleet_pid agent-n2)"
check "the backup is unpacked" restore "$FLEET/backup-2.0.0"
check "a coordinator starts on it" fleet_start_coordinator
check "which is read-only from the first moment" read_only true
check "n3 starts again" fleet_start agent-n3 . "$FLEET_BIN/lockstep-agent" --config "$FLEET/n3/agent.yaml"
check_eventually "n3 is back" asked 0
check_eventually "and has asked it" asked $(($(date +%s%3N) + 1500))
check "it is read-only still" read_only true
check_status 4 "nothing is opened" fleet_cli reload echo@1.0.0 --strategy local --node n3 -y
fleet_kill agent-n3 TERM
check_same 1 "n3 was not told that it is aborted: it is in doubt" in_doubt n3
kill -s CONT "$(fleet_pid agent-n1)" "$(fleet_pid agent-n2)"
check_eventually "n1 and n2 are back" fleet_ready n1 n2
check "n3 starts again" fleet_start_agent n3
check "agents know more: it stays read-only" read_only true
fleet_kill lockstepd TERM
check "the newer journal is put back" put_back
check "a coordinator starts on that" fleet_start_coordinator
check_eventually "n3 is told what was decided" runs 2.0.0 n1 n2 n3
check_eventually "nothing is different" fleet_cli check
check "nothing is read-only" read_only false

# ---- nothing was decided since: when all have said so, it is aborted ----
begin 1.0.0
fleet_kill lockstepd KILL
check "the backup is unpacked" restore "$FLEET/backup-1.0.0"
check "a coordinator starts on it" fleet_start_coordinator
check_eventually "n1 and n3 are back" fleet_ready n1 n3
check "n2 is not, so it is read-only" read_only true
check_same preparing "and has decided nothing" fleet_operation .state
kill -s CONT "$(fleet_pid agent-n2)"
check_eventually "all have said what they know: it is not read-only any more" read_only false
check_same aborted "what was open is aborted" fleet_operation .result
check_eventually "nothing is different" fleet_cli check
check_eventually "an operation goes through, when all have heard that" fleet_reload echo@1.0.0 --soak 0
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "everywhere" fleet_versions echo
check_says 'journal.settle' "what was found out is in the trail" fleet_cli audit --limit 100
check "the audit trail is whole" fleet_cli audit verify
fleet_end
