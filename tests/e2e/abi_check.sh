#!/usr/bin/env bash
# artifact push --abi-check, with an abidiff that says what is wanted, and with the real one where it is.
set -u
. "$(dirname "$0")/../support/fleet.sh"

abidiff_says() { # abidiff_says STATUS TEXT
    mkdir -p "$FLEET/bin"
    printf '#!/bin/sh\necho "%s"\nexit %d\n' "$2" "$1" >"$FLEET/bin/abidiff"
    chmod +x "$FLEET/bin/abidiff"
}

push() { # push FILE [OPTION...]
    local file=$1
    shift
    PATH=$FLEET/bin:$PATH fleet_push "$file" "$@"
}

push_without_abidiff() { # push_without_abidiff FILE
    PATH=$FLEET fleet_push "$1" --abi-check
}

versions() {
    fleet_json '[.artifacts[].version] | sort | join(" ")' artifact ls echo
}

fleet_begin
fleet_needs "the coordinator is ready" fleet_coordinator
check_says "abi: nothing to compare with" "the first version has none before it" \
    push "$FLEET_GOOD/echo-1.so" --abi-check

abidiff_says 8 "the size of struct echo changed"
check_status 4 "a version that is incompatible is refused" push "$FLEET_GOOD/echo-2.so" --abi-check
check_says "struct echo changed" "with the head of the report" \
    push "$FLEET_GOOD/echo-2.so" --abi-check
check_same "1.0.0" "and is not there" versions
abidiff_says 0 ""
check_status 2 "without abidiff it says which package to install" \
    push_without_abidiff "$FLEET_GOOD/echo-2.so"

objcopy --strip-debug "$FLEET_GOOD/echo-2.so" "$FLEET/bare.so"
check_says "abi: unknown, against version 1.0.0" "without debug information it is unknown" \
    push "$FLEET/bare.so" --abi-check
check_same "1.0.0 2.0.0" "which refuses nothing" versions
abidiff_says 4 "a type changed"
check_says "abi: unknown, against version 2.0.0" "also if it is the older one that has none" \
    push "$FLEET_GOOD/echo-smoke.so" --abi-check
check_says "abi: changed; .* against version 3.0.0" "a change is told" \
    push "$FLEET_GOOD/echo-smoke-live.so" --abi-check
check "and without --abi-check nobody is asked" push "$FLEET_GOOD/echo-hangs-live.so"
if command -v abidiff >/dev/null; then
    rm "$FLEET/bin/abidiff"
    check_says "abi: the same, against version 1.0.0" "the real one finds no change in a namesake" \
        push "$FLEET_GOOD/echo-2.so" --abi-check --counter 2
else
    echo "# skipped: abidiff is not installed (package abigail-tools)"
fi
check "the audit trail is whole" fleet_cli audit verify
fleet_end
