#!/usr/bin/env bash
# Of each module the coordinator keeps the bytes of the ten newest versions, and of those that are
# run or may be gone back to. What it does not keep is refused with a reason, and can be pushed again.
set -u
. "$(dirname "$0")/../support/fleet.sh"

build() { # build VERSION
    "$FLEET_BIN/lockstep-cc" -o "$FLEET/echo-$1.so" -D_GNU_SOURCE "-DECHO_VERSION=\"$1\"" \
        "$FLEET_ROOT/tests/modules/echo.c"
}

push_all() { # push_all FIRST LAST
    local number
    for number in $(seq "$1" "$2"); do
        build "$number.0.0" && fleet_push "$FLEET/echo-$number.0.0.so" >>"$FLEET/log/push" 2>&1 || return
    done
}

kept() { # the versions whose bytes are there
    local number
    for number in $(seq 1 14); do
        [ ! -e "$FLEET/coordinator/artifacts/$(b2sum -l 256 <"$FLEET/echo-$number.0.0.so" | cut -d ' ' -f 1).so" ] \
            || printf '%s ' "$number"
    done
}

brought_back() {
    fleet_until fleet_ready n1 n2 && fleet_cli node unpin n1 echo && fleet_cli node unpin n2 echo &&
        fleet_reload echo@current --soak 0 && [ "$(fleet_versions echo)" = "n1=2.0.0 n2=2.0.0" ]
}

fleet_of 2
fleet_needs "two versions are pushed" push_all 1 2
fleet_needs "the first is installed" fleet_install echo@1.0.0
fleet_needs "and the second takes its place" fleet_reload echo@2.0.0 --soak 0
check "twelve more are pushed" push_all 3 14
check_same "1 2 5 6 7 8 9 10 11 12 13 14 " "the ten newest stay, the live one and the one before" kept
check_same 14 "none is forgotten" fleet_json '.artifacts | length' artifact ls echo
check_status 4 "what is not kept is refused" fleet_reload echo@3.0.0 --soak 0
check_says 'the bytes of echo .* are not here.*lockstep artifact push' "and it is said why" \
    fleet_reload echo@3.0.0 --soak 0
check "it is pushed again" fleet_push "$FLEET/echo-3.0.0.so"
check "and taken" fleet_reload echo@3.0.0 --soak 0
check_same "n1=3.0.0 n2=3.0.0" "by every node" fleet_versions echo
check "undo brings back the one before" fleet_cli undo echo --no-quarantine --soak 0
check_same "n1=2.0.0 n2=2.0.0" "on every node" fleet_versions echo
fleet_kill lockstepd TERM
touch "$FLEET/coordinator/artifacts/$(printf '%064d' 7).so" # what no row knows of, and no manifest
check "the coordinator starts again" fleet_start_coordinator
check_status 2 "and clears up" ls "$FLEET/coordinator/artifacts/$(printf '%064d' 7).so"
check_eventually "the fleet is consistent" fleet_cli check

# What a node is to run when its pin is over is kept until then, also where nobody runs it.
for node in n1 n2; do
    for version in 13.0.0 14.0.0; do
        fleet_cli reload --strategy local --node "$node" echo@$version --soak 0 --rollback-window 0 \
            >"$FLEET/log/pin" 2>&1
    done
done
check_same "n1=14.0.0 n2=14.0.0" "both are pinned elsewhere" fleet_versions echo
fleet_kill lockstepd TERM
fleet_needs "the coordinator starts again" fleet_start_coordinator
check_says '^2 ' "what is for afterwards stays" kept
check "so that it can be brought back" brought_back
fleet_end
