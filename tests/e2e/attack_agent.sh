#!/usr/bin/env bash
# An agent with a valid key (T3) that says what people and coordinators say, speaks of what it has no
# part in, answers for others, and never stops: it is refused, that is in the trail, and nobody else
# feels it.
set -u
. "$(dirname "$0")/../support/fleet.sh"

rogue() { # rogue KIND [ARGUMENT]: in the place of n2's agent, until "the end"
    fleet_kill rogue TERM
    fleet_start rogue '^the end' "$FLEET_BIN/lockstep-rogue-agent" "$FLEET" n2 "$FLEET_URL" "$@"
}

parts() {
    fleet_operation '[.parts[] | "\(.node)=\(.state)"] | sort | join(" ")'
}

voted() { [ "$(fleet_operation '.parts[] | select(.node == "n3") | .state')" = prepared ]; }

refusals() {
    fleet_json '[.rows[] | select(.what == "message.refused" and .who == "n2")] | length' audit --limit 1000
}

fleet_of 3
fleet_needs "echo is pushed" fleet_modules echo-1 echo-2
fleet_needs "and installed" fleet_install echo@1.0.0
sqlite3 "$FLEET/coordinator/journal.db" "SELECT writefile('$FLEET/bundle', text) FROM bundle" >/dev/null
fleet_kill agent-n2 KILL
fleet_needs "n2 is seen to be away" fleet_until fleet_absent n2

# ---- what only others may say ----
tokens() {
    fleet_json '[.tokens[].state] | sort | join(" ")' token ls
}
before=$(tokens)
fleet_needs "it says everything there is" rogue everything
check_same "" "every one is refused, and its link cut" grep -v -e ': cut$' -e '^the end' "$FLEET/log/rogue"
said=$(grep -c ': cut$' "$FLEET/log/rogue")
wanted=$(sed -n '/define LOCKSTEP_MESSAGE_TABLE/,/^$/p' "$FLEET_ROOT/common/tbl/messages.h" |
    grep -c -E '^ *X\([0-9]+, [A-Z_]+, (COORDINATOR|VIEWER|OPERATOR|RELEASE_MANAGER|SECURITY_ADMIN|AUDITOR),')
check_same "$wanted" "those were all that the table has" echo "$said"
check_same 10 "ten a minute are in the trail, with its name" refusals
check_same 1 "operations: the one that was" fleet_json '.operations | length' op ls
check_same "$before" "tokens: those that were" tokens
check_same 3 "nodes: those that were" fleet_json '.nodes | length' node ls

# ---- what others are in ----
# n1 alone is to change, and cannot answer; a person asks n1, too.
kill -s STOP "$(fleet_pid agent-n1)"
check "an operation begins, for n1 and n3" fleet_reload echo@2.0.0 --node n1 --node n3 --soak 0 --detach
check_eventually "n3 has voted" voted
fleet_cli tool call echo.say hello --node n1 >"$FLEET/called" 2>&1 &
call=$!
fleet_cli node ping n1 >"$FLEET/pinged" 2>&1 &
ping=$!
before=$(parts)
fleet_needs "n2 has its say of that" rogue others "$(fleet_operation .id)"
check_same "told of its outcome: pending" "it is told that nothing is decided" \
    head -n 1 "$FLEET/log/rogue"
check_same "preparing" "nothing is" fleet_operation .state
check_same "$before" "by nobody" parts
check "nobody was answered in n1's name" bash -c "! grep -q . '$FLEET/called' '$FLEET/pinged'"
kill -s CONT "$(fleet_pid agent-n1)"
wait "$call"
wait "$ping"
check_says '^[12]\.0\.0 hello' "n1 itself answers the call" cat "$FLEET/called"
check_says '^n1: [0-9]' "and the ping" cat "$FLEET/pinged"
check "the operation succeeds" fleet_cli op wait "$(fleet_operation .short)"
check_same "n1=2.0.0 n3=2.0.0" "where it was for" fleet_versions_of echo n1 n3

# ---- and it never stops ----
fleet_kill rogue TERM
fleet_needs "n2 floods" fleet_start rogue '^flooding' \
    "$FLEET_BIN/lockstep-rogue-agent" "$FLEET" n2 "$FLEET_URL" flood 100000000
check "an operation goes through meanwhile" fleet_reload echo@1.0.0 --node n1 --node n3 --soak 0
check_same "n1=1.0.0 n3=1.0.0" "where it was for" fleet_versions_of echo n1 n3
fleet_kill rogue KILL
check "n2's own agent comes back" fleet_start_agent n2
check "the fleet can be brought together" fleet_reload echo@1.0.0 --soak 0 --again
check "the audit trail is whole" fleet_cli audit verify
fleet_end
