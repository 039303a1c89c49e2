#!/usr/bin/env bash
# A coordinator with the real channel key, but nobody's signature (T5): whatever it orders, brings or
# leaves out, its agent maps nothing, and says why.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# attack KIND: what the agent made of each attack, until "the end", in $SAID.
attack() {
    fleet_kill lockstepd KILL
    fleet_start rogue '^the end' "$FLEET_BIN/lockstep-rogue" "$1" "$FLEET_URL" "$FLEET" || return
    SAID=$(grep ': ' "$FLEET/log/rogue")
}

# The table says what each attack has to come to; what is said of it is checked line by line.
judge() {
    local line
    while IFS= read -r line; do
        check_same "$line" "${line%%: *}" grep -F -- "${line%%: *}: " <<<"$SAID"
    done
    check_same "$(wc -l <<<"$SAID")" "those are all" echo "$1"
}

maps() { # the copies of modules that n1's host has mapped
    grep -o '[^ ]*/gen/[^ ]*' "/proc/$(fleet_host n1)/maps" | sort -u
}

runs_on() { # the node was not touched, and its coordinator takes it as it was
    check_same "$BEFORE" "$1: the host has mapped what it had mapped" maps
    check_says '1\.0\.0 hello' "and answers as it did" fleet_tool n1 echo.say hello
    fleet_kill rogue TERM
    check "the real coordinator starts again" fleet_start_coordinator
    check_eventually "takes the node as it is" fleet_ready n1
    check "nothing is different" fleet_cli check
    check_same false "nor read-only" fleet_json .read_only status
}

FLEET_SETTINGS+="
  fetch: 1s"
fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "echo and counter are installed" fleet_install echo@1.0.0 counter@1.0.0
digest() { # digest MODULE VERSION
    fleet_json ".artifacts[] | select(.module == \"$1\" and .version == \"$2\") | .digest" artifact ls
}
cp "$FLEET/coordinator/artifacts/$(digest echo 2.0.0).manifest" "$FLEET/echo.manifest"
cp "$FLEET/coordinator/artifacts/$(digest counter 1.0.0).manifest" "$FLEET/counter.manifest"
cp "$FLEET_GOOD/echo-2.so" "$FLEET/echo.so"
sqlite3 "$FLEET/coordinator/journal.db" "SELECT writefile('$FLEET/bundle', text) FROM bundle" >/dev/null
BEFORE=$(maps)

fleet_needs "orders that nobody gave" attack orders
judge 24 <<'END'
unsigned: INTENT
signed by a stranger under the operator's name: INTENT
signed by nobody of the bundle: INTENT
a bit of the intent flipped: INTENT
for another cluster: WRONG_CLUSTER
expired: EXPIRED
signed for another operation: INTENT
of a generation that is live: STALE_GENERATION
another version than signed: INTENT
another generation than signed: INTENT
half of a set: INTENT
a module more than signed: INTENT
a set mixed from two: INTENT
local to n2: INTENT
for more nodes than signed: INTENT
an extra that is not signed: INTENT
without the smoke tests that were signed: INTENT
another strategy than signed: INTENT
going back where nobody came from: NO_PREVIOUS
a standing order of a stranger: INTENT
a standing order for another module: INTENT
a canary's intent under a standing order: INTENT
of an older epoch: silence
nothing wrong: YES
END
runs_on "orders"

fleet_needs "artifacts that nobody released" attack artifacts
judge 14 <<'END'
a bit of the release's signature flipped: BAD_SIGNATURE
a bit of the manifest flipped: BAD_SIGNATURE
released by a stranger: BAD_SIGNATURE
released as another module: WRONG_MODULE, after its bytes
with another version's manifest: BAD_DIGEST
released for another cluster: WRONG_CLUSTER, after its bytes
out of date: EXPIRED, after its bytes
other bytes than released: BAD_DIGEST, after its bytes
bytes that end early: BAD_DIGEST, after its bytes
bytes that never end: BAD_SIZE, after its bytes
a manifest that never ends: BAD_SIZE
bytes that drip: EXPIRED, after its bytes
bytes that are missing: NOFILE, after its bytes
nothing wrong: YES
END
runs_on "artifacts"
check "an operation goes through" fleet_reload echo@2.0.0 --soak 0
check "the audit trail is whole" fleet_cli audit verify
fleet_end
