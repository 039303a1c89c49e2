#!/usr/bin/env bash
# A backup is taken beside a coordinator that serves, and without one; what it does not know makes
# who restores it read-only, until the newer journal is back.
set -u
. "$(dirname "$0")/../support/fleet.sh"

backup() { # backup TARGET [ARGUMENT...]
    timeout 60 "$FLEET_BIN/lockstepd" backup --config "$FLEET/lockstepd.yaml" "$@"
}
names() { # names TARGET: what is in it
    tar -tf "$1" | sed -E 's/[0-9a-f]{64}/DIGEST/' | sort | uniq -c | awk '{print $2 "*" $1}' | paste -sd ' '
}
restore() { # restore TARGET: into an empty data directory, with the key and the artifacts that were
    mv "$FLEET/coordinator" "$FLEET/before"
    mkdir -m 0700 "$FLEET/coordinator"
    tar -xpf "$1" -C "$FLEET/coordinator" && cp -p "$FLEET/before/key" "$FLEET/coordinator/" &&
        cp -p "$FLEET/before/artifacts/"*.so "$FLEET/coordinator/artifacts/"
}
read_only() { # read_only true|false
    [ "$(fleet_json .read_only status)" = "$1" ]
}

fleet_of 2
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "one is installed" fleet_install echo@1.0.0

# ---- taking one ----
check_says '^.*/first holds the journal \(epoch 1, decision [0-9]+, 2 nodes, 1 operations, audit trail up to row [0-9]+\), trust bundle 1, 4 manifests and signatures, no key' \
    "a backup beside a coordinator that serves says what it holds" backup "$FLEET/first"
check_same "artifacts/*1 artifacts/DIGEST.manifest*2 artifacts/DIGEST.minisig*2 journal.db*1" "which is this" names "$FLEET/first"
check_same "600" "for its owner only" stat -c %a "$FLEET/first"
check_status 2 "it is not written over" backup "$FLEET/first"
check_says 'is there already' "and it is said so" backup "$FLEET/first"
check_same "$FLEET/first" "nothing else is left beside it" bash -c "ls -d '$FLEET'/first*"
check_status 2 "a backup wants a name" backup
check_status 2 "and one only" backup "$FLEET/a" "$FLEET/b"
check_status 2 "--with-key is for nothing else" timeout 10 "$FLEET_BIN/lockstepd" --config "$FLEET/lockstepd.yaml" --with-key
check_status 1 "a place that is not there is refused" backup "$FLEET/nowhere/x"
check "the key is in it when it is asked for" backup "$FLEET/with-key" --with-key
check_same "key*1" "as a file of its own" bash -c "tar -tf '$FLEET/with-key' | grep -x key | sed 's/$/*1/'"
check "the key is the key" cmp <(tar -xOf "$FLEET/with-key" key) "$FLEET/coordinator/key"
check "without it, none of its bytes are there" bash -c "! grep -qaF \"\$(grep -v '^#' '$FLEET/coordinator/key' | tail -n 1)\" '$FLEET/first'"

# ---- while operations run ----
for n in 1 2 3 4 5; do
    backup "$FLEET/running$n" >/dev/null &
    fleet_reload "echo@$((n % 2 + 1)).0.0" --soak 0 --rollback-window 0 --again >/dev/null 2>&1
    wait $!
    tar -xOf "$FLEET/running$n" journal.db >"$FLEET/running$n.db"
done
check_same "ok ok ok ok ok" "copies made while operations ran are whole" \
    bash -c "for n in 1 2 3 4 5; do sqlite3 '$FLEET'/running\$n.db 'PRAGMA integrity_check'; done | paste -sd ' '"

# ---- an older one, restored ----
fleet_kill lockstepd TERM
check "a backup without a coordinator" backup "$FLEET/stopped"
check "an older backup is unpacked" restore "$FLEET/first"
check "a coordinator starts on it" fleet_start_coordinator
check_eventually "agents know more, so it is read-only" read_only true
check_same "read-only man lockstepd, RESTORING" "which status names, with where to read on" \
    fleet_json '.alarms[] | select(.code == "read-only") | "\(.code) \(.next)"' status
check_eventually "and an event" bash -c "$(declare -f fleet_cli); FLEET_BIN='$FLEET_BIN' FLEET='$FLEET' FLEET_URL='$FLEET_URL'; fleet_cli events | grep -q 'alarm.raised.*read-only'"
check_status 4 "nothing is opened" fleet_reload echo@2.0.0 --soak 0 --again
check_says 'agents know more than this journal' "and it is said why" fleet_reload echo@2.0.0 --soak 0 --again
check_same "n1=2.0.0 n2=2.0.0" "the fleet serves on" fleet_versions echo

# ---- the way out: a journal that knows as much ----
fleet_kill lockstepd TERM
rm -rf "$FLEET/before"
check "the newer backup is unpacked" restore "$FLEET/stopped"
check "a coordinator starts on it" fleet_start_coordinator
check_eventually "agents are content" fleet_ready n1 n2
check "and it is not read-only" read_only false
check "an operation goes through" fleet_reload echo@1.0.0 --soak 0
check_same "n1=1.0.0 n2=1.0.0" "everywhere" fleet_versions echo
check "the audit trail is whole" fleet_cli audit verify
fleet_end
