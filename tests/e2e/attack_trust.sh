#!/usr/bin/env bash
# Whoever has the coordinator's key cannot change whom nodes believe, nor lead them back (T7, and TUF's
# rollback): bundles need the administrators' signatures, come in order and never again; a release
# key that was exchanged or revoked signs no more; no release comes back from below the floor.
set -u
. "$(dirname "$0")/../support/fleet.sh"

fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "echo is installed" fleet_install echo@1.0.0
digest() { # digest MODULE VERSION
    fleet_json ".artifacts[] | select(.module == \"$1\" and .version == \"$2\") | .digest" artifact ls
}
cp "$FLEET/coordinator/artifacts/$(digest echo 2.0.0).manifest" "$FLEET/echo.manifest"
cp "$FLEET/coordinator/artifacts/$(digest counter 1.0.0).manifest" "$FLEET/counter.manifest"
cp "$FLEET_GOOD/echo-2.so" "$FLEET/echo.so"
sqlite3 "$FLEET/coordinator/journal.db" "SELECT writefile('$FLEET/bundle', text) FROM bundle" >/dev/null
fleet_kill lockstepd KILL
fleet_needs "another coordinator has its key" fleet_start rogue '^the end' \
    "$FLEET_BIN/lockstep-rogue" trust "$FLEET_URL" "$FLEET"
while IFS= read -r line; do
    check_same "$line" "${line%%: *}" grep -F -- "${line%%: *}: " "$FLEET/log/rogue"
done <<'END'
unsigned: refused
signed by a stranger under the administrator's name: refused
signed by the coordinator: refused
one left out: refused
of another cluster: refused
behind another one: refused
another one of the same version: refused
the new release key, before: BAD_SIGNATURE
a release key exchanged: taken
the old release key, after: BAD_SIGNATURE
the new release key, after: YES
the first one again: refused
the old release key, after that: BAD_SIGNATURE
a release key revoked, the other one back: taken
the revoked release key: REVOKED
the one that is back: YES
two are to sign, one has: refused
two are to sign, two have: taken
then one: refused
then one, twice: refused
then one, who says that one is enough: refused
then two: taken
release 20, none below it: YES
release 19: COUNTER
release 21: YES
END

# Restored from before all that, the real coordinator is a thief's to a node: it offers a bundle that
# is over.
fleet_kill rogue TERM
check "the real coordinator starts again, with the first bundle" fleet_start_coordinator
refused() { grep -q 'the trust bundle is refused: the trust bundle is version 1, wanted is 6' "$FLEET/log/agent-n1"; }
check_eventually "its node refuses that" refused
fleet_kill agent-n1 KILL
fleet_start agent-n1 'the trust bundle is refused' "$FLEET_BIN/lockstep-agent" --config "$FLEET/n1/agent.yaml"
check "also when it has started again" refused
check_says '2\.0\.0 hello' "what it runs goes on" fleet_tool n1 echo.say hello
fleet_end
