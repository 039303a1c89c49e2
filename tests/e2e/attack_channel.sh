#!/usr/bin/env bash
# Somebody on the wire (T1) who changes, repeats, leaves out, reorders, reflects and replays: neither
# an agent nor a coordinator takes anything of it.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# Of a session that fails nothing may be left, but that it was tried.
left() { # an agent that has come again before its older link was seen to be over is in the trail
    fleet_json '[.rows[] | select(.what != "session.duplicate")] | length' audit --limit 1000
    fleet_json '.operations | length' op ls
}

said() { # said NAME: what became of that
    sed -n "s/^$1: //p" "$FLEET/log/flipper"
}

FLEET_SETTINGS=$(sed -E '/reconnect_|flap_/d; s/heartbeat: .*/heartbeat: 20ms/; s/(suspect|down)_percent: .*/\1_percent: 20000/' <<<"$FLEET_SETTINGS")"
  reconnect_first: 1ms
  reconnect_last: 1ms
  flap_limit: 200
  flap_window: 10ms"
fleet_of 2
fleet_needs "echo is pushed" fleet_modules echo-1
fleet_needs "and installed" fleet_install echo@1.0.0
before=$(left)

fleet_needs "somebody is on the wire" \
    fleet_start flipper '^listening' "$FLEET_BIN/lockstep-flipper" "${FLEET_URL##*:}"
fleet_kill agent-n1 TERM
sed -i "s#tcp://[^\"]*#$(grep -o 'tcp://.*' "$FLEET/log/flipper.ready")#" "$FLEET/n1/agent.yaml"
fleet_needs "an agent goes through him" \
    fleet_start agent-n1 . "$FLEET_BIN/lockstep-agent" --config "$FLEET/n1/agent.yaml"
fleet_needs "until he has done his worst" fleet_wait_line "$FLEET/log/flipper" '^the end' "$(fleet_pid flipper)"

check_same "472 refused, 0 starved, 0 taken, 0 missed" "message 1, each bit flipped" said "message 1"
check_same "408 refused, 0 starved, 0 taken, 0 missed" "message 2, each bit flipped" said "message 2"
check_same "1560 refused, 0 starved, 0 taken, 0 missed" "message 3, each bit flipped" said "message 3"
none='^(50 refused, 0|49 refused, 1|48 refused, 2) starved, 0 taken, 0 missed'
check_says "$none" "50 frames of the agent, a bit flipped" said "frames of the agent"
check_says "$none" "50 frames of the coordinator" said "frames of the coordinator"
while IFS= read -r name; do
    check_same "1 refused, 0 starved, 0 taken, 0 missed" "$name" said "$name"
done <<'END'
an agent's frame twice
a coordinator's frame twice
an agent's frame left out
a coordinator's frame left out
two of an agent swapped
two of a coordinator swapped
an agent's frame of an older session
a coordinator's of an older session
an agent's, with the session's number
a coordinator's, with the session's number
a coordinator's own frame reflected
an agent's own frame reflected
an agent's own first message reflected
a whole session of the agent replayed
a whole session of the coordinator replayed
END

check_status 1 "nothing of it was opened, to be refused for what it says" \
    grep -h 'sent what is refused' "$FLEET/log/lockstepd" "$FLEET/log/agent-n1"
check_eventually "left alone, the node is let in" fleet_ready n1 n2
check_same "$before" "nothing of all that is in the journal" left
check "nothing is different" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
