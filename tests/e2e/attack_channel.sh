#!/usr/bin/env bash
# Somebody on the wire (T1) who changes, repeats, leaves out, reorders, reflects and replays: neither
# an agent nor a coordinator takes anything of it.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# FLIPPER's KIND, on the way between n1 and its coordinator, until "the end".
on_the_wire() { # on_the_wire KIND
    fleet_kill flipper TERM
    fleet_start flipper '^listening' "$FLEET_BIN/lockstep-flipper" "$1" "${FLEET_URL##*:}" || return
    fleet_kill agent-n1 TERM
    sed -i "s#tcp://[^\"]*#$(grep -o 'tcp://.*' "$FLEET/log/flipper.ready")#" "$FLEET/n1/agent.yaml"
    fleet_start agent-n1 '.' "$FLEET_BIN/lockstep-agent" --config "$FLEET/n1/agent.yaml" &&
        fleet_wait_line "$FLEET/log/flipper" '^the end' "$(fleet_pid flipper)" >/dev/null
}

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

# ---- every bit of every byte of the handshake ----
fleet_needs "every bit of the handshake is flipped" on_the_wire handshake
check_same "472 refused, 0 starved, 0 taken, 0 missed" "message 1 is refused" said "message 1"
check_same "408 refused, 0 starved, 0 taken, 0 missed" "message 2 is refused" said "message 2"
check_same "1560 refused, 0 starved, 0 taken, 0 missed" "message 3 is refused" said "message 3"
check_eventually "left alone, the node is let in" fleet_ready n1

# ---- frames ----
fleet_needs "frames are changed" on_the_wire frames
check_says '^(50 refused, 0|49 refused, 1|48 refused, 2) starved, 0 taken, 0 missed' "50 of the agent" said "frames of the agent"
check_says '^(50 refused, 0|49 refused, 1|48 refused, 2) starved, 0 taken, 0 missed' "50 of the coordinator" said "frames of the coordinator"

# ---- repeated, left out, reordered, reflected, replayed ----
fleet_needs "sessions are tampered with" on_the_wire sessions
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

check_eventually "left alone, the node is let in" fleet_ready n1 n2
check_same "$before" "nothing of all that is in the journal" left
check "nothing is different" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
