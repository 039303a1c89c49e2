#!/usr/bin/env bash
# Processes are killed while they write an artifact: the coordinator when it is pushed, an agent when
# it fetches. What was cut off leaves nothing behind that could be taken for a whole one, and the same
# step done again succeeds.
set -u
. "$(dirname "$0")/../support/fleet.sh"

points="ARTIFACT_AFTER_WRITE ARTIFACT_AFTER_SYNC ARTIFACT_AFTER_RENAME"

# Every name in the store of $1 is a digest with a suffix, and every module has its own digest.
is_whole() { # is_whole DIRECTORY
    local file name
    for file in "$1"/artifacts/* "$1"/artifacts/.[!.]*; do
        [ -e "$file" ] || continue
        name=${file##*/}
        [[ $name =~ ^[0-9a-f]{64}\.(so|manifest|minisig)$ ]] || {
            echo "what is $name?"
            return 1
        }
        [[ $name != *.so ]] || [ "$(b2sum -l 256 <"$file")" = "${name%.so}  -" ] || {
            echo "$name has other bytes"
            return 1
        }
    done
}

push_cut_off() { # push_cut_off POINT NAME VERSION
    fleet_kill lockstepd TERM
    FLEET_CRASH=$1 fleet_start_coordinator || fleet_fails "$1: the coordinator is ready"
    check_status 9 "$1: the push is cut off" fleet_push "$FLEET_GOOD/$2.so"
    check "$1: the coordinator dies there" fleet_wait_end lockstepd
    check "$1: it starts again" fleet_start_coordinator
    check "$1: its store is whole" is_whole "$FLEET/coordinator"
    check "$1: the same push succeeds" fleet_push "$FLEET_GOOD/$2.so"
    check "$1: and is verified" fleet_cli artifact verify "$3"
}

fetch_cut_off() { # fetch_cut_off POINT SUBJECT
    local status=0 reload
    fleet_until fleet_ready n1 n2
    fleet_kill agent-n2 TERM
    FLEET_CRASH=$1 fleet_start_agent n2 || fleet_fails "$1: n2 is ready"
    fleet_until fleet_ready n1 n2
    fleet_reload "$2" --install --soak 0 >"$FLEET/log/reload" 2>&1 &
    reload=$!
    check "$1: n2 dies there" fleet_wait_end agent-n2
    wait "$reload" || status=$?
    check_same 6 "$1: without n2 it is aborted" echo "$status"
    check "$1: n2 starts again" fleet_start_agent n2
    check "$1: its store is whole" is_whole "$FLEET/n2/data"
    fleet_until fleet_ready n1 n2
    check "$1: the same reload succeeds" fleet_reload "$2" --install --soak 0
    check_same "n1=${2#*@} n2=${2#*@}" "$1: both run it" fleet_versions "${2%@*}"
}

fleet_of 2
modules=(echo-1 counter-1 echo-2)
subjects=(echo@1.0.0 counter@1.0.0 echo@2.0.0)
i=0
for point in $points; do
    push_cut_off "$point" "${modules[i]}" "${subjects[i]}"
    i=$((i + 1))
done
i=0
for point in $points; do
    fetch_cut_off "$point" "${subjects[i]}"
    i=$((i + 1))
done
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
