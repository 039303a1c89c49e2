#!/usr/bin/env bash
# The README's tour, as it is written: each command ends with 0, or with what its line says.
set -u
. "$(dirname "$0")/../support/fleet.sh"

section() { # section TITLE: of the README
    awk -v title="## $1" '/^## / { on = $0 == title } on' "$FLEET_ROOT/README.md"
}

blocks() { # blocks LANGUAGE: what stands in the fences of that language
    awk -v fence='```'"$1" '$0 == "```" { on = 0 } on; $0 == fence { on = 1 }'
}

# run_line TEXT: in this shell, for it may change folder or environment. A daemon ("… &") has to get
# ready.
run_line() {
    local text=$1 wanted=0 status=0
    [[ $text =~ ends\ with\ ([0-9]+) ]] && wanted=${BASH_REMATCH[1]}
    if [[ $text == *' &' ]]; then
        # shellcheck disable=SC2086 # words of a command
        fleet_start "tour-$fleet_checks" '(^|[^a-z])ready([^a-z]|$)' ${text% &} || status=$?
    else
        eval "$text" >"$FLEET/said" 2>&1 </dev/null || status=$?
    fi
    if [ "$status" -eq "$wanted" ]; then
        pass "${text%%$'\n'*}"
    else
        sed 's/^/# /' "$FLEET/said"
        fail "${text%%$'\n'*} (ended with $status)"
    fi
}

run_block() { # commands on standard input, with here-documents
    local line text='' end=''
    while IFS= read -r line <&3; do
        text+=${text:+$'\n'}$line
        [[ $line =~ \<\<\'([A-Z]+)\'$ ]] && end=${BASH_REMATCH[1]}
        if [ -z "$end" ] || [ "$line" = "$end" ]; then
            [ -z "$line" ] || run_line "$text"
            text='' end=''
        fi
    done 3<&0
}

fleet_begin
# The checkout as the tour finds it, already built; and no port of anybody else's.
mkdir -p "$FLEET/.build" "$FLEET/deploy"
ln -s "$(dirname "$FLEET_BIN")" "$FLEET/.build/release"
cd "$FLEET" || exit 1
cmake() { :; }
printf '#!/bin/sh\n' >deploy/packages
chmod +x deploy/packages
: >"$FLEET/said"
run_block < <(section "Ten minutes" | blocks sh | sed "s,tcp://127.0.0.1:7701,ipc://$FLEET/socket,g")
section "Write a module" | blocks c >echo.c
run_block < <(section "Write a module" | blocks sh)
fleet_end
