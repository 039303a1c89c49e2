#!/usr/bin/env bash
# Another user of a node's machine (T9): may not read what is secret, may not write what is run, and
# finds no door of the agent's open. Asks first whether this test may become another user.
set -u
. "$(dirname "$0")/../support/fleet.sh"

other() { # other COMMAND...: as somebody who owns nothing here
    setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"
}

fleet_of 1
fleet_needs "echo is pushed" fleet_modules echo-1
fleet_needs "and installed" fleet_install echo@1.0.0
if ! other true 2>/dev/null; then
    skip "another user is kept out" "this test may not become another user"
    fleet_end
fi
chmod 755 "$FLEET" "$FLEET/n1" # what is above the agent's own folders is not in the way

# ---- what may be seen and changed ----
check "the node's folder can be seen" other test -x "$FLEET/n1"
check_same "" "of the data of the node nothing can" \
    bash -c "setpriv --reuid=65534 --regid=65534 --clear-groups find '$FLEET/n1/data' -mindepth 1 2>/dev/null"
check_same "" "of the coordinator's neither" \
    bash -c "setpriv --reuid=65534 --regid=65534 --clear-groups find '$FLEET/coordinator' -mindepth 1 2>/dev/null"
for name in key journal.db store gen; do
    check_status 1 "$name: not to be read" other test -r "$FLEET/n1/data/$name"
    check_status 1 "$name: nor written" other test -w "$FLEET/n1/data/$name"
done
check_same "600 600" "keys are their owner's, whatever is above them" \
    bash -c "stat -c %a '$FLEET/n1/data/key' '$FLEET/coordinator/key' | paste -sd ' '"
check_same "" "nobody else may write in the node's folders" \
    find "$FLEET/n1/data" "$FLEET/n1/run" -perm /022 ! -type l ! -type s
check_same "444" "what is mapped, nobody may write" \
    bash -c "stat -c %a '$FLEET'/n1/data/gen/*.so | sort -u"

# ---- who is asked ----
host=$(fleet_host n1)
check_status 1 "the host's memory is not another's to read" other cat "/proc/$host/mem"
check_status 1 "nor can it be killed" other kill -s TERM "$host"
check_status 1 "the agent's socket is not his" other test -w "$FLEET/n1/run/agent.sock"
check_status 1 "nor are its tools: they are the agent's group's" other test -w "$(fleet_socket n1)"
check_says '1\.0\.0 hello' "its host serves" fleet_tool n1 echo.say hello
check "the audit trail is whole" fleet_cli audit verify
fleet_end
