#!/usr/bin/env bash
# A service of its own that links liblockstep (deploy/examples/linkd): quiet and of use without an
# agent, reloaded by the fleet under load, and started from the boot file when the agent is gone.
set -u
. "$(dirname "$0")/../support/fleet.sh"

LINKS=$(cd "$FLEET_BIN/.." && pwd)/modules

# get PORT PATH: the whole answer. start_linkd NAME [VARIABLE...]: by hand; $PORT is where it listens
get() {
    local socket
    exec {socket}<>"/dev/tcp/127.0.0.1/$1" || return
    printf 'GET %s HTTP/1.1\r\nConnection: close\r\n\r\n' "$2" >&"$socket"
    tr -d '\r' <&"$socket"
    exec {socket}>&-
}

start_linkd() {
    fleet_start "$1" '^ready' env "${@:2}" "$FLEET_BIN/linkd" --port 0 || return
    PORT=$(sed -n 's/^ready .*://p' "$FLEET/log/$1")
}

ticks() { # ticks NAME: of the CPU, that it has used
    awk '{print $14 + $15}' "/proc/$(fleet_pid "$1")/stat"
}

quiet() { # quiet NAME: in two seconds it uses 20 ms at most, asked or not
    local before
    before=$(ticks "$1")
    sleep 2
    [ $(($(ticks "$1") - before)) -le 2 ]
}

port_of_service() {
    PORT=$(sed -n 's/^ready .*://p' "$FLEET/n1/data/hosts/links/log" | tail -n 1)
    [ -n "$PORT" ]
}

refused_by() { fleet_operation '"\(.result) \(.cause.code)"'; }

# ---- alone ------------------------------------------------------------------------------------------

fleet_begin
fleet_needs "it starts where there is no agent" start_linkd alone "LOCKSTEP_AGENT=$FLEET/none.sock" \
    "LOCKSTEP_BOOT=$FLEET/none"
check_says '^HTTP/1.1 503 ' "it says that it has no module" get "$PORT" /
check_says '^HTTP/1.1 400 ' "and knows what is no request" get "$PORT" 'x y z'
check "it is quiet" quiet alone
check_same 1 "and says nothing but that it is ready" grep -c '' "$FLEET/log/alone"
check "it ends" fleet_kill alone TERM

# ---- in a fleet -------------------------------------------------------------------------------------

fleet_needs "a coordinator" fleet_coordinator
fleet_needs "a node whose agent runs it" fleet_node n1 "$FLEET_SETTINGS
services:
  - name: links
    command: [\"$FLEET_BIN/linkd\", \"--port\", \"0\"]"
for version in 1.0.0 2.0.0 3.0.0; do
    fleet_needs "links $version is pushed" fleet_push "$LINKS/links-$version.so"
done
fleet_needs "1.0.0 is installed" fleet_install links@1.0.0
fleet_needs "the service is there" fleet_until port_of_service
port_of_service
check_says '^Server: linkd links/1\.0\.0$' "its module answers" get "$PORT" /
check_same "links 1.0.0" "its tools are called as those of any host" \
    fleet_cli tool call links.about --socket "$FLEET/n1/run/tools/links.sock"
check_same links.about "its functions are not among them" \
    fleet_tool_names --socket "$FLEET/n1/run/tools/links.sock"
fleet_needs "it is asked without pause" fleet_start callers '^ready' \
    "$FLEET_BIN/lockstep-http-caller" "$PORT" 4
for version in 2.0.0 1.0.0 2.0.0 1.0.0 2.0.0; do
    check "$version comes" fleet_reload "links@$version" --soak 0
done
check "and back" fleet_cli undo links --no-quarantine --soak 0 -y
check_status 6 "a version that has another type is refused" fleet_reload links@3.0.0 --soak 0
check_same "aborted ABI" "before it is live" refused_by
fleet_kill callers TERM
tail -n 1 "$FLEET/log/callers" | sed 's/^/# /'
check_same '[0,0,0,true,true]' "nobody has lost, missed or mixed anything, and all saw the changes" \
    jq -c 'select(type == "object") | [.lost, .failed, .mixed, .changes >= 28, .calls > 1000]' \
    <(grep '^{' "$FLEET/log/callers")

# ---- without its agent ------------------------------------------------------------------------------

check "2.0.0 comes once more" fleet_reload links@2.0.0 --soak 0
fleet_kill agent-n1 KILL
check_says '^X-Links: 2\.0\.0$' "it answers when its agent is gone" get "$PORT" /
kill -TERM "$(grep -o 'host up service=links pid=[0-9]*' "$FLEET/log/agent-n1" | tail -n 1 | grep -o '[0-9]*$')"
fleet_needs "it starts again by hand" start_linkd hand "LOCKSTEP_AGENT=$FLEET/n1/run/agent.sock" \
    "LOCKSTEP_BOOT=$FLEET/n1/data/hosts/links/boot"
check_says '^X-Links: 2\.0\.0$' "with the version of the boot file" get "$PORT" /
check "it is quiet" quiet hand
fleet_needs "the agent comes back" fleet_start_agent n1
check_eventually "who was started by hand comes to it" \
    grep -q "host up service=links pid=$(fleet_pid hand) " "$FLEET/log/agent-n1"
check "and is reloaded" fleet_until fleet_reload links@1.0.0 --soak 0
check_says '^X-Links: 1\.0\.0$' "which answers with it" get "$PORT" /
fleet_kill hand TERM
check "the audit trail is whole" fleet_cli audit verify
fleet_end
