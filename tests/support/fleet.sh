# shellcheck shell=bash
# A fleet of real processes for a test, in a folder of its own, gone when the test ends.
#
#   . "$(dirname "$0")/../support/fleet.sh"
#   fleet_begin                      # makes $FLEET, a fresh folder; cleans up on every exit
#   fleet_coordinator                # lockstepd init, then start; $FLEET_URL is where it listens
#   fleet_node n1                    # token, configuration, enrolment, start; ready when it returns
#   check "n1 is there" fleet_cli node show n1
#   fleet_kill agent-n1 KILL         # by name and signal; waits until the process is gone
#   fleet_start_agent n1             # starts it again on the same folder
#   fleet_end                        # the plan of the TAP; the exit status of the test
#
# Names of processes: `lockstepd`, `agent-NODE`. What they say is in $FLEET/log/NAME. Nothing here
# waits by sleeping: readiness is a line in that log, an end is the end of the process. Ports are
# the system's choice: the coordinator is told port 0 and says what it got; from then on its
# configuration names that port, so that it comes back where agents look for it.
# FLEET_BIN names other binaries than those of the dev preset. A test that is given FLEET_KEEP=1
# leaves its folder behind. Waits end after FLEET_SECONDS (20).

FLEET_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FLEET_BIN=${FLEET_BIN:-$FLEET_ROOT/.build/dev/bin}
FLEET_SECONDS=${FLEET_SECONDS:-20}
declare -A fleet_pids=()
fleet_checks=0
fleet_failures=0

# ---- saying what was found: TAP --------------------------------------------------------------

# pass NAME, fail NAME, skip NAME REASON
pass() {
    fleet_checks=$((fleet_checks + 1))
    echo "ok $fleet_checks - $1"
}

fail() {
    fleet_checks=$((fleet_checks + 1))
    fleet_failures=$((fleet_failures + 1))
    echo "not ok $fleet_checks - $1"
}

skip() {
    fleet_checks=$((fleet_checks + 1))
    echo "ok $fleet_checks - $1 # SKIP $2"
}

# check NAME COMMAND...: passes when the command ends with 0; shows what it said when it does not.
check() {
    check_status 0 "$@"
}

# check_status STATUS NAME COMMAND...: passes when the command ends with STATUS.
check_status() {
    local wanted=$1 name=$2 said status=0
    shift 2
    said=$("$@" 2>&1) || status=$?
    if [ "$status" -eq "$wanted" ]; then
        pass "$name"
    else
        sed 's/^/# /' <<<"ended with $status, not $wanted: $*"$'\n'"$said"
        fail "$name"
    fi
}

# check_says REGEX NAME COMMAND...: passes when what the command prints matches, whatever its end.
check_says() {
    local regex=$1 name=$2 said
    shift 2
    said=$("$@" 2>&1) || true
    if grep -q -E -- "$regex" <<<"$said"; then
        pass "$name"
    else
        sed 's/^/# /' <<<"nothing like '$regex' in what this said: $*"$'\n'"$said"
        fail "$name"
    fi
}

# ---- processes -----------------------------------------------------------------------------------

# fleet_wait_line FILE REGEX PID: the first line of FILE that matches, on standard output. Fails when
# the process PID ends without it, or the time is up.
fleet_wait_line() {
    local reader descriptor line status=1
    exec {descriptor}< <(exec tail -n +1 -s 0.05 --pid="$3" -F "$1" 2>/dev/null)
    reader=$!
    while IFS= read -r -t "$FLEET_SECONDS" -u "$descriptor" line; do
        if [[ $line =~ $2 ]]; then
            status=0
            break
        fi
    done
    kill "$reader" 2>/dev/null
    exec {descriptor}<&-
    [ "$status" -ne 0 ] || printf '%s\n' "$line"
    return "$status"
}

# fleet_start NAME READY-REGEX COMMAND...: starts a process and waits for its line. On failure what
# it said is shown and it is stopped.
fleet_start() {
    local name=$1 ready=$2
    shift 2
    : >"$FLEET/log/$name"
    "$@" >>"$FLEET/log/$name" 2>&1 </dev/null &
    fleet_pids[$name]=$!
    if ! fleet_wait_line "$FLEET/log/$name" "$ready" "${fleet_pids[$name]}" >"$FLEET/log/$name.ready"; then
        echo "# $name did not get ready; it said:"
        sed 's/^/# /' "$FLEET/log/$name"
        fleet_kill "$name" KILL
        return 1
    fi
}

# fleet_kill NAME [SIGNAL]: sends the signal (TERM) and waits for the end; KILL when it does not end.
fleet_kill() {
    local pid=${fleet_pids[$1]-}
    [ -n "$pid" ] || return 0
    unset "fleet_pids[$1]"
    kill -s "${2:-TERM}" "$pid" 2>/dev/null
    if ! timeout "$FLEET_SECONDS" tail -s 0.05 --pid="$pid" -f /dev/null; then
        echo "# $1 did not end on ${2:-TERM}"
        kill -s KILL "$pid" 2>/dev/null
        wait "$pid" 2>/dev/null
        return 1
    fi
    wait "$pid" 2>/dev/null
    return 0
}

fleet_pid() { # fleet_pid NAME
    echo "${fleet_pids[$1]-}"
}

# Hosts outlive their agents, so what is left is found by the folder in its environment.
fleet_leftovers() {
    local entry
    for entry in /proc/[0-9]*/environ; do
        if tr '\0' '\n' 2>/dev/null <"$entry" | grep -q -x -F "FLEET=$FLEET"; then
            entry=${entry#/proc/}
            entry=${entry%/environ}
            [ "$entry" = "$BASHPID" ] || [ "$entry" = $$ ] || echo "$entry"
        fi
    done 2>/dev/null
}

fleet_cleanup() {
    local status=$? name pid
    trap - EXIT INT TERM
    for name in "${!fleet_pids[@]}"; do
        fleet_kill "$name" TERM
    done
    for pid in $(fleet_leftovers); do
        kill -s KILL "$pid" 2>/dev/null
    done
    if [ -n "${FLEET_KEEP-}" ]; then
        echo "# kept: $FLEET"
    else
        rm -rf "$FLEET"
    fi
    exit "$status"
}

fleet_begin() {
    FLEET=$(mktemp -d "${TMPDIR:-/tmp}/fleet.XXXXXX")
    export FLEET # also the mark by which leftovers are known
    mkdir "$FLEET/log"
    trap fleet_cleanup EXIT
    trap 'exit 130' INT TERM
}

fleet_end() {
    echo "1..$fleet_checks"
    [ "$fleet_failures" -eq 0 ]
    exit
}

# ---- coordinator, agents, operator ----------------------------------------------------------------

# fleet_coordinator [YAML]: a new cluster. YAML is added to lockstepd.yaml as it is.
fleet_coordinator() {
    fleet_coordinator_config "tcp://127.0.0.1:0" "${1-}"
    "$FLEET_BIN/lockstepd" init --config "$FLEET/lockstepd.yaml" --new-admin "$FLEET/operator.yaml" \
        >"$FLEET/log/init" 2>&1 || {
        sed 's/^/# /' "$FLEET/log/init"
        return 1
    }
    fleet_start_coordinator || return
    FLEET_URL=$(grep -o -E '(tcp|ipc)://[^ "]+' "$FLEET/log/lockstepd.ready" | head -n 1)
    fleet_coordinator_config "$FLEET_URL" "${1-}"
}

fleet_coordinator_config() { # fleet_coordinator_config URL YAML
    {
        printf 'data: %s\nlisten:\n  - "%s"\n' "$FLEET/coordinator" "$1"
        [ -z "$2" ] || printf '%s\n' "$2"
    } >"$FLEET/lockstepd.yaml"
}

fleet_start_coordinator() {
    fleet_start lockstepd '(^|[^a-z])ready([^a-z]|$)' "$FLEET_BIN/lockstepd" --config "$FLEET/lockstepd.yaml"
}

# fleet_node NAME [YAML]: a new node, enrolled with a token of its own and running.
fleet_node() {
    local folder=$FLEET/$1
    mkdir -p "$folder/run"
    {
        printf 'name: %s\ndata: %s\nrun: %s\n' "$1" "$folder/data" "$folder/run"
        printf 'coordinators:\n  - "%s"\n' "$FLEET_URL"
        [ -z "${2-}" ] || printf '%s\n' "$2"
    } >"$folder/agent.yaml"
    (umask 077 && fleet_cli token create --join "$1" >"$folder/token") || return
    fleet_start_agent "$1" --join "$folder/token"
}

fleet_start_agent() { # fleet_start_agent NAME [ARGUMENT...]
    local name=$1
    shift
    fleet_start "agent-$name" '(^|[^a-z])ready([^a-z]|$)' \
        "$FLEET_BIN/lockstep-agent" --config "$FLEET/$name/agent.yaml" "$@"
}

# fleet_cli ARGUMENT...: the lockstep command as the cluster's first administrator.
fleet_cli() {
    "$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" --coordinator "$FLEET_URL" "$@"
}
