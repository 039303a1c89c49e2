#!/usr/bin/env bash
# Wrong input of every kind gets a clear answer and the right exit code, and a fleet that is serving serves on.
set -u
. "$(dirname "$0")/../support/fleet.sh"

lockstepd() {
    timeout 10 "$FLEET_BIN/lockstepd" --config "$@"
}

agent() {
    timeout 10 "$FLEET_BIN/lockstep-agent" --config "$@"
}

# wrong_config PROGRAM REGEX NAME: standard input is the file.
wrong_config() {
    cat >"$FLEET/wrong.yaml"
    check_status 2 "$1: $3" "$1" "$FLEET/wrong.yaml" -n
    check_says "$2" "$1: and it is said where and why" "$1" "$FLEET/wrong.yaml" -n
}

# ---- configuration ----
fleet_begin
wrong_config lockstepd 'wrong.yaml:2.*lissten.*listen' "an unknown key" <<EOF
data: $FLEET/coordinator
lissten: ["tcp://127.0.0.1:0"]
EOF
wrong_config lockstepd 'wrong.yaml:4.*hartbeat.*heartbeat' "an unknown setting" <<EOF
data: $FLEET/coordinator
listen: ["tcp://127.0.0.1:0"]
settings:
  hartbeat: 1s
EOF
wrong_config lockstepd 'wrong.yaml:3.*heartbeat' "a setting out of its bounds" <<EOF
data: $FLEET/coordinator
settings:
  heartbeat: 1ms
EOF
wrong_config agent 'name' "no name" <<EOF
coordinators: [{url: "tcp://127.0.0.1:1"}]
EOF
wrong_config agent 'wrong.yaml:[23]' "a file that ends in the middle" <<EOF
name: n1
coordinators: [{url: "tcp://127.0.0.1:1"}, {url: "tcp:
EOF
check_status 2 "lockstepd: a file that is not there" lockstepd "$FLEET/nowhere.yaml" -n
check_status 2 "lockstep-agent: a file that is not there" agent "$FLEET/nowhere.yaml" -n
check_says 'nowhere.yaml' "lockstepd: and it is named" lockstepd "$FLEET/nowhere.yaml" -n

# ---- a fleet to be disturbed ----
# Operators come in by a socket: an address whose handshakes fail too often is turned away.
FLEET_ALSO=ipc://$FLEET/control.sock
fleet_coordinator || fleet_fails "the coordinator is ready"
FLEET_TCP=$FLEET_URL FLEET_URL=$FLEET_ALSO
(FLEET_URL=$FLEET_TCP && fleet_node_folder n1 "$FLEET_SETTINGS")
(umask 077 && fleet_cli token create --join n1 >"$FLEET/n1/token")
fleet_start_agent n1 --join "$FLEET/n1/token" || fleet_fails "n1 is ready"
fleet_needs "a module is pushed" fleet_modules echo-1 echo-2
fleet_needs "and installed" fleet_install echo@1.0.0
fleet_needs "callers have answers" fleet_callers echo.say n1

# ---- ports and directories ----
sed "s|^data:.*|data: $FLEET/coordinator2|; /ipc:/d" "$FLEET/lockstepd.yaml" >"$FLEET/second.yaml"
check "a second cluster is made" "$FLEET_BIN/lockstepd" init --config "$FLEET/second.yaml" \
    --new-admin "$FLEET/operator2.yaml"
check_status 2 "its port is in use" lockstepd "$FLEET/second.yaml"
check_says "${FLEET_TCP##*:}|in use" "and it is said which" lockstepd "$FLEET/second.yaml"
check_status 2 "init does not make a cluster twice" "$FLEET_BIN/lockstepd" init \
    --config "$FLEET/second.yaml" --new-admin "$FLEET/operator3.yaml"
sed 's|tcp://[^"]*|tcp://127.0.0.1:0|; /ipc:/d' "$FLEET/lockstepd.yaml" >"$FLEET/same.yaml"
check_status 2 "its data directory is another instance's" lockstepd "$FLEET/same.yaml"
check_says 'coordinator' "and it is named" lockstepd "$FLEET/same.yaml"
check_status 2 "an agent's directory is another instance's" agent "$FLEET/n1/agent.yaml"
if [ "$(id -u)" -ne 0 ]; then
    mkdir "$FLEET/locked" && chmod 500 "$FLEET/locked"
    printf 'data: %s\nlisten: ["tcp://127.0.0.1:0"]\n' "$FLEET/locked/data" >"$FLEET/locked.yaml"
else
    # Root may write anywhere; a file in the way stops it as well.
    : >"$FLEET/locked"
    printf 'data: %s\nlisten: ["tcp://127.0.0.1:0"]\n' "$FLEET/locked/data" >"$FLEET/locked.yaml"
fi
"$FLEET_BIN/lockstepd" init --config "$FLEET/locked.yaml" --new-admin "$FLEET/operator4.yaml" \
    >"$FLEET/log/locked" 2>&1
status=$?
check "a directory that cannot be written is refused ($status)" test "$status" -eq 2 -o "$status" -eq 1
check "and it is named" grep -q 'locked' "$FLEET/log/locked"
check "no operator is left behind" test ! -e "$FLEET/operator4.yaml"

# ---- tokens ----
enrol() { # enrol NAME: whatever comes of it, within five seconds
    timeout 5 "$FLEET_BIN/lockstep-agent" --config "$FLEET/$1/agent.yaml" --join "$FLEET/$1/token"
}
fleet_node_folder n2 "$FLEET_SETTINGS"
cp "$FLEET/n1/token" "$FLEET/n2/token"
check_status 2 "another node's token is refused" enrol n2
check_says 'n1' "and it is said whose it is" enrol n2
sed "s/^name:.*/name: n1/" -i "$FLEET/n2/agent.yaml"
enrol n2 >"$FLEET/log/reused" 2>&1
check "a used token does not enrol a second n1" test $? -ne 0
check_same 1 "there is one node" fleet_json '.nodes | length' node ls
sed "s/^name:.*/name: n2/" -i "$FLEET/n2/agent.yaml"
rm -rf "$FLEET/n2/data"
(umask 077 && fleet_cli token create --join n2 --ttl 1s >"$FLEET/n2/token")
sleep 1.1
check_status 2 "an expired token is refused" enrol n2
check_says 'expired' "and it is said so" enrol n2
sed 's|tcp://[^"]*|tcp://127.0.0.1:0|' "$FLEET/second.yaml" >"$FLEET/third.yaml"
fleet_start second 'ready' "$FLEET_BIN/lockstepd" --config "$FLEET/third.yaml" \
    || fail "the second cluster is ready"
second=$(grep -o -E 'tcp://[^ "]+' "$FLEET/log/second.ready" | head -n 1)
(umask 077 && "$FLEET_BIN/lockstep" -c "$FLEET/operator2.yaml" --coordinator "$second" \
    token create --join n2 >"$FLEET/n2/token")
enrol n2 >"$FLEET/log/wrong-cluster" 2>&1
check "another cluster's token does not enrol" test $? -ne 0
check_same 1 "there still is one node" fleet_json '.nodes | length' node ls
check_status 9 "another cluster's operator is not let in" \
    timeout 20 "$FLEET_BIN/lockstep" -c "$FLEET/operator2.yaml" --coordinator "$FLEET_URL" --timeout 5s node ls
: >"$FLEET/n2/token"
check_status 2 "an empty token is refused" enrol n2
head -c 300 /dev/urandom | base64 >"$FLEET/n2/token"
check_status 2 "garbage for a token is refused" enrol n2
(umask 077 && fleet_cli token create --join n2 >"$FLEET/n2/token")
rm -rf "$FLEET/n2/data"
check "after all that n2 is let in with a token of its own" \
    fleet_start_agent n2 --join "$FLEET/n2/token"
check_same 2 "and there are two nodes" fleet_json '.nodes | length' node ls

# ---- garbage on the port ----
port=${FLEET_TCP##*:}
# In a shell of its own, and whether or not it is heard to the end: who is cut off writes to nobody.
garbage() (
    trap '' PIPE
    send() {
        exec {descriptor}<>"/dev/tcp/127.0.0.1/$port" && cat >&"$descriptor"
        exec {descriptor}>&-
    }
    for ((i = 1; i <= 30; i++)); do
        head -c $((i * 3000)) /dev/urandom | send
    done
    printf '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' | send
    printf 'GET / HTTP/1.1\r\nHost: x\r\n\r\n' | send
) 2>/dev/null
half_open=()
for _ in 1 2 3 4 5 6 7 8; do
    { exec {descriptor}<>"/dev/tcp/127.0.0.1/$port" && half_open+=("$descriptor"); } 2>/dev/null
done
garbage
check "the coordinator answers" fleet_cli node ls
check_status 9 "an address whose handshakes fail all the time is turned away" \
    timeout 20 "$FLEET_BIN/lockstep" -c "$FLEET/operator.yaml" --coordinator "$FLEET_TCP" --timeout 3s node ls
check "those who are in stay in" fleet_ready n1 n2
check "a reload goes through" fleet_reload echo@2.0.0 --soak 0
for descriptor in "${half_open[@]}"; do
    exec {descriptor}>&-
done

# ---- the command ----
check_status 2 "an unknown command" fleet_cli relaod echo@2.0.0
check_says 'reload' "is answered with the nearest" fleet_cli relaod echo@2.0.0
check_status 2 "an unknown option" fleet_cli node ls --ouptut json
check_says 'output' "is answered with the nearest" fleet_cli node ls --ouptut json
check_status 2 "no strategy" fleet_cli reload echo@2.0.0
check_status 2 "an unknown strategy" fleet_cli reload echo@2.0.0 --strategy all
check_status 2 "no subject" fleet_cli reload --strategy sync_all
check_status 2 "a subject that is none" fleet_reload ../../etc/passwd
check_status 2 "a duration that is none" fleet_reload echo@1.0.0 --soak soon
check_status 2 "the same module twice" fleet_reload echo@1.0.0 echo@2.0.0
check_status 2 "an id that is none" fleet_reload echo@1.0.0 --request-id no
check_status 2 "lockstepd: an unknown option" timeout 5 "$FLEET_BIN/lockstepd" --confg "$FLEET/lockstepd.yaml"
check_status 2 "lockstepd: an unknown command" timeout 5 "$FLEET_BIN/lockstepd" initialise
check_status 2 "lockstep-agent: an unknown option" timeout 5 "$FLEET_BIN/lockstep-agent" --jion x
check_status 9 "a coordinator that is not there" timeout 20 "$FLEET_BIN/lockstep" \
    --config "$FLEET/operator.yaml" --coordinator tcp://127.0.0.1:1 --timeout 3s node ls
check_status 124 "a time that is too short for the soak" \
    fleet_reload echo@1.0.0 --soak 1m --timeout 2s
check_same soaking "the operation goes on" fleet_operation .state
check "until it is ended" fleet_cli op abort "$(fleet_operation .id)"
check_status 6 "and goes back" fleet_cli op wait "$(fleet_operation_of reload .id)"

# ---- a full disk ----
# A file that may not grow stands for a disk that is full: writing fails, the journal is not hurt.
fleet_kill lockstepd TERM
journal=$(($(stat -c %s "$FLEET/coordinator/journal.db") / 1024))
full_disk() {
    (
        ulimit -f $((journal + 8))
        trap '' XFSZ
        exec timeout 20 "$FLEET_BIN/lockstepd" --config "$FLEET/lockstepd.yaml"
    ) >"$FLEET/log/full" 2>&1 &
    local full=$! i
    fleet_wait_line "$FLEET/log/full" ready "$full" >/dev/null
    for ((i = 0; i < 200; i++)); do
        fleet_cli token create --join "n$i" >"$FLEET/log/token" 2>&1 || break
    done
    kill "$full" 2>/dev/null
    wait "$full" 2>/dev/null
    echo "$i tokens were made"
    [ "$i" -lt 200 ]
}
check "with a full disk a write is refused" full_disk
check "with room again the coordinator starts" fleet_start_coordinator
check_eventually "the nodes are ready" fleet_ready n1 n2
check "the journal is whole" fleet_cli audit verify
check "and a reload goes through" fleet_reload echo@2.0.0 --soak 0

fleet_kill agent-n1 TERM
full_agent() { # its journal cannot grow, so it does not promise anything
    (
        ulimit -f $(($(stat -c %s "$FLEET/n1/data/journal.db") / 1024 + 4))
        trap '' XFSZ
        exec timeout 20 "$FLEET_BIN/lockstep-agent" --config "$FLEET/n1/agent.yaml"
    ) >"$FLEET/log/full-agent" 2>&1 &
    local full=$! i status=0
    fleet_wait_line "$FLEET/log/full-agent" ready "$full" >/dev/null
    fleet_until fleet_ready n1
    for ((i = 0; i < 30; i++)); do
        fleet_reload "echo@$((1 + i % 2)).0.0" --soak 0 --commit-deadline 1s >"$FLEET/log/full-reload" 2>&1 || {
            status=$?
            break
        }
    done
    kill "$full" 2>/dev/null
    wait "$full" 2>/dev/null
    echo "$i reloads, the last one ended with $status"
    [ "$status" -ne 0 ]
}
check "an agent with a full disk takes no more reloads" full_agent
check "with room again it starts" fleet_start_agent n1
check_eventually "and the fleet becomes consistent" fleet_cli check
check_calls "its host served throughout" n1
fleet_end
