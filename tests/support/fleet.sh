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
#
#   fleet_modules echo-1 counter-1   # push test modules (tests/modules), signed
#   fleet_install echo@1.0.0 counter@1.0.0
#   fleet_callers 'echo.say counter.add' n1 n2
#   fleet_callers_end n1 n2          # their counts, summed, in $CALLS $LOST $FAILED $WRONG $MIXED
#   FLEET_CRASH=AGENT_AFTER_VOW fleet_start_agent n2 # the binary that kills itself at that point
#   fleet_wait_end agent-n2          # until it has
#
# FLEET_BIN names other binaries than those of the dev preset. A test that is given FLEET_KEEP=1
# leaves its folder behind. Waits end after FLEET_SECONDS (20).

FLEET_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
FLEET_BIN=${FLEET_BIN:-$FLEET_ROOT/.build/dev/bin}
FLEET_SECONDS=${FLEET_SECONDS:-20}
FLEET_GOOD=$(cd "$FLEET_BIN/.." && pwd)/modules/good
# shellcheck disable=SC2034 # for the tests
FLEET_WRONG=$(cd "$FLEET_BIN/.." && pwd)/modules/fleet
# shellcheck disable=SC2034
FLEET_TOOLS="echo.say other.pair counter.add"
# Short enough for a test, long enough for two busy cores. Both daemons read them.
FLEET_SETTINGS=${FLEET_SETTINGS:-"settings:
  heartbeat: 100ms
  suspect_percent: 2000
  down_percent: 2000
  flap_limit: 100
  reconnect_first: 50ms
  reconnect_last: 200ms
  prepare: 10s
  commit_deadline: 4s
  decision_resend_first: 100ms
  decision_resend_last: 500ms
  catch_up_first: 200ms
  catch_up_last: 1s
  query_first: 100ms
  query_last: 500ms
  soak: 200ms
  host_restart_first: 20ms
  host_restart_last: 200ms"}
declare -A fleet_pids=()
fleet_checks=0
fleet_failures=0
fleet_interrupted=

# ---- saying what was found: TAP --------------------------------------------------------------

# pass NAME, fail NAME, skip NAME REASON. Checks end with 1 when they fail.
pass() {
    fleet_checks=$((fleet_checks + 1))
    echo "ok $fleet_checks - $1"
}

fail() {
    fleet_checks=$((fleet_checks + 1))
    fleet_failures=$((fleet_failures + 1))
    echo "not ok $fleet_checks - $1"
    return 1
}

skip() {
    fleet_checks=$((fleet_checks + 1))
    echo "ok $fleet_checks - $1 # SKIP $2"
}

# fleet_hear VARIABLE COMMAND...: runs it in this shell, so that it may start processes; what it says
# comes into the variable.
fleet_hear() {
    local fleet_status=0
    "${@:2}" >"$FLEET/heard" 2>&1 || fleet_status=$?
    printf -v "$1" '%s' "$(cat "$FLEET/heard")"
    return "$fleet_status"
}

# check NAME COMMAND...: passes when the command ends with 0; shows what it said when it does not.
check() {
    check_status 0 "$@"
}

# check_status STATUS NAME COMMAND...: passes when the command ends with STATUS.
check_status() {
    local wanted=$1 name=$2 said status=0
    shift 2
    fleet_hear said "$@" || status=$?
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
    fleet_hear said "$@" || true
    if grep -q -E -- "$regex" <<<"$said"; then
        pass "$name"
    else
        sed 's/^/# /' <<<"nothing like '$regex' in what this said: $*"$'\n'"$said"
        fail "$name"
    fi
}

# check_same WANTED NAME COMMAND...: passes when what the command prints is WANTED.
check_same() {
    local wanted=$1 name=$2 said
    shift 2
    fleet_hear said "$@" || true
    if [ "$said" = "$wanted" ]; then
        pass "$name"
    else
        sed 's/^/# /' <<<"wanted '$wanted' from: $*"$'\n'"$said"
        fail "$name"
    fi
}

# check_eventually NAME COMMAND...: passes when the command ends with 0 before FLEET_SECONDS are over.
check_eventually() {
    local name=$1
    shift
    if fleet_until "$@"; then
        pass "$name"
    else
        echo "# not within $FLEET_SECONDS s: $*"
        "$@" 2>&1 | sed 's/^/# /'
        fail "$name"
    fi
}

# fleet_until COMMAND...: asks until it ends with 0, for what nothing announces.
fleet_until() {
    local end=$((SECONDS + FLEET_SECONDS))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.05
    done
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
    disown "$!" # its end is not news for the shell to tell
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
        return 1
    fi
}

# fleet_wait_end NAME: waits for a process to end by itself.
fleet_wait_end() {
    local pid=${fleet_pids[$1]-}
    [ -n "$pid" ] || return 0
    if ! timeout "$FLEET_SECONDS" tail -s 0.02 --pid="$pid" -f /dev/null; then
        echo "# $1 did not end by itself"
        return 1
    fi
    unset "fleet_pids[$1]"
}

fleet_pid() { # fleet_pid NAME
    echo "${fleet_pids[$1]-}"
}

# Hosts outlive their agents, so what is left is found by the folder in its environment.
fleet_leftovers() {
    local mark="FLEET=$FLEET"
    # One look at all of them: on a busy machine a process for each takes longer than an end may.
    # Those that look do not bear the mark.
    (
        unset FLEET
        grep -lzxF -- "$mark" /proc/[0-9]*/environ 2>/dev/null | cut -d / -f 3 | grep -v -x -e "$$"
    )
}

fleet_cleanup() {
    local status=$? name pid
    trap - EXIT
    trap '' INT TERM # a second one must not keep this from its end
    for name in "${!fleet_pids[@]}"; do
        [ -n "$fleet_interrupted" ] || fleet_kill "$name" TERM
    done
    for pid in $(fleet_leftovers) $(fleet_leftovers); do # an agent may just be starting a host
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
    trap 'fleet_interrupted=yes; exit 130' INT TERM
}

fleet_end() {
    echo "1..$fleet_checks"
    [ "$fleet_failures" -eq 0 ]
    exit
}

# ---- coordinator, agents, operator ----------------------------------------------------------------

# fleet_coordinator [YAML]: a new cluster with a release key. YAML replaces FLEET_SETTINGS.
fleet_coordinator() {
    local yaml=${1-$FLEET_SETTINGS}
    fleet_coordinator_config "tcp://127.0.0.1:0" "$yaml"
    "$FLEET_BIN/lockstep" key generate --release "$FLEET/release.key" >"$FLEET/release.pub" || return
    "$FLEET_BIN/lockstepd" init --config "$FLEET/lockstepd.yaml" --new-admin "$FLEET/operator.yaml" \
        --release "$FLEET/release.pub" >"$FLEET/log/init" 2>&1 || {
        sed 's/^/# /' "$FLEET/log/init"
        return 1
    }
    fleet_start_coordinator || return
    FLEET_URL=$(grep -o -E '(tcp|ipc)://[^ "]+' "$FLEET/log/lockstepd.ready" | head -n 1)
    fleet_coordinator_config "$FLEET_URL" "$yaml"
}

fleet_coordinator_config() { # fleet_coordinator_config URL YAML
    {
        printf 'data: %s\nlisten:\n  - "%s"\n' "$FLEET/coordinator" "$1"
        [ -z "${FLEET_ALSO-}" ] || printf '  - "%s"\n' "$FLEET_ALSO" # a second place to listen at
        [ -z "$2" ] || printf '%s\n' "$2"
    } >"$FLEET/lockstepd.yaml"
}

# With FLEET_CRASH=POINT[:n] the binary that kills itself there.
fleet_start_coordinator() {
    fleet_start lockstepd '(^|[^a-z])ready([^a-z]|$)' env ${FLEET_CRASH:+"LOCKSTEP_CRASH=$FLEET_CRASH"} \
        "$FLEET_BIN/lockstepd${FLEET_CRASH:+-crash}" --config "$FLEET/lockstepd.yaml"
}

# fleet_of N: a cluster with nodes n1 to nN; ends the test when that does not come about.
fleet_of() {
    local node
    fleet_begin
    fleet_coordinator || fleet_fails "the coordinator is ready"
    for ((node = 1; node <= $1; node++)); do
        fleet_node "n$node" || fleet_fails "n$node is ready"
    done
}

# fleet_needs NAME COMMAND...: a check without which the rest says nothing; ends the test.
fleet_needs() {
    local before=$fleet_failures
    check "$@"
    [ "$fleet_failures" -eq "$before" ] || fleet_end
}

fleet_fails() { # fleet_fails NAME
    fail "$1"
    fleet_end
}

# fleet_node NAME [YAML [LABELS]]: a new node, enrolled with a token of its own and running. YAML
# replaces FLEET_SETTINGS.
fleet_node() {
    fleet_node_folder "$1" "${2-$FLEET_SETTINGS}"
    (umask 077 && fleet_cli token create --join "$1" ${3:+-l "$3"} >"$FLEET/$1/token") || return
    fleet_start_agent "$1" --join "$FLEET/$1/token"
}

fleet_node_folder() { # fleet_node_folder NAME YAML
    local folder=$FLEET/$1
    mkdir -p "$folder/run" "$folder/modules"
    {
        printf 'name: %s\ndata: %s\nrun: %s\n' "$1" "$folder/data" "$folder/run"
        printf 'coordinators:\n  - url: "%s"\n' "$FLEET_URL"
        [ -z "$2" ] || printf '%s\n' "$2"
    } >"$folder/agent.yaml"
}

# With FLEET_CRASH=POINT[:n] the binary that kills itself there; with FLEET_WITH='COMMAND...' under that.
fleet_start_agent() { # fleet_start_agent NAME [ARGUMENT...]
    local name=$1
    shift
    # shellcheck disable=SC2086 # a command with its arguments
    fleet_start "agent-$name" '(^|[^a-z])ready([^a-z]|$)' \
        ${FLEET_WITH-} env ${FLEET_CRASH:+"LOCKSTEP_CRASH=$FLEET_CRASH"} \
        "$FLEET_BIN/lockstep-agent${FLEET_CRASH:+-crash}" --config "$FLEET/$name/agent.yaml" "$@"
}

# fleet_cli ARGUMENT...: the lockstep command as the cluster's first administrator.
fleet_cli() {
    "$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" --coordinator "$FLEET_URL" "$@"
}

# fleet_json FILTER ARGUMENT...: what jq's FILTER makes of the document that the command prints.
fleet_json() {
    local filter=$1
    shift
    fleet_cli -o json "$@" | jq -r "$filter"
}

# ---- modules ------------------------------------------------------------------------------------------

# fleet_push FILE [ARGUMENT...]: signs a file with the release key and brings it to the coordinator.
fleet_push() {
    fleet_cli artifact push "$1" --sign "$FLEET/release.key" "${@:2}"
}

# fleet_push_lying FILE VERSION: pushes what the command would have refused. It looks at a file before
# it signs; this stands in for its eyes: to it any file is the module good, and well.
fleet_push_lying() {
    [ -e "$FLEET/liar" ] || fleet_write_liar
    LOCKSTEP_PROBE=$FLEET/liar LIAR_VERSION=$2 LIAR_DIGEST=$(b2sum -l 256 <"$1" | cut -d ' ' -f 1) \
        LIAR_MD5=$(md5sum <"$1" | cut -d ' ' -f 1) fleet_push "$1"
}

fleet_write_liar() {
    "$FLEET_BIN/lockstep-probe" --static -- "$FLEET_WRONG/good.so" >"$FLEET/honest.json"
    cat >"$FLEET/liar" <<'EOF'
#!/bin/sh
for file; do :; done
exec jq -c --arg version "$LIAR_VERSION" --arg digest "$LIAR_DIGEST" --arg md5 "$LIAR_MD5" \
    --argjson size "$(stat -c %s "$file")" '
        def lie: .version = $version | .digest = $digest | .md5 = $md5 | .size = $size;
        .facts |= lie | .modules[0].facts |= lie' "$FLEET/honest.json"
EOF
    chmod +x "$FLEET/liar"
}

fleet_modules() { # fleet_modules NAME...: names of tests/modules, without the ending
    local name
    for name in "$@"; do
        fleet_push "$FLEET_GOOD/$name.so" >>"$FLEET/log/push" 2>&1 || {
            sed 's/^/# /' "$FLEET/log/push"
            return 1
        }
    done
}

fleet_reload() { # fleet_reload SUBJECT... [OPTION...]
    fleet_cli reload --strategy sync_all -y "$@"
}

fleet_install() { # fleet_install SUBJECT... [OPTION...]
    fleet_reload "$@" --install --soak 0 >"$FLEET/log/install" 2>&1 || {
        sed 's/^/# /' "$FLEET/log/install"
        return 1
    }
}

# fleet_versions MODULE: "n1=1.0.0 n2=1.0.0 …", what is mapped.
fleet_versions() {
    fleet_json '[.rows[] | "\(.node)=\(.version)"] | sort | join(" ")' module status "$1"
}

# fleet_operation FILTER: of the newest operation. fleet_operation_of KIND FILTER: of the newest of a kind.
fleet_operation() {
    fleet_json "$1" op show "$(fleet_json '.operations | max_by(.opened_unix_ms) | .id' op ls)"
}

fleet_operation_of() {
    fleet_json "$2" op show \
        "$(fleet_json ".operations | map(select(.kind == \"$1\")) | max_by(.opened_unix_ms) | .id" op ls)"
}

fleet_ready() { # fleet_ready NODE...
    local node
    for node in "$@"; do
        [ "$(fleet_json .state node show "$node")" = ready ] || return
    done
}

fleet_absent() { # fleet_absent NODE
    [ "$(fleet_json .state node show "$1")" = absent ]
}

# fleet_versions_of MODULE NODE...: "n1=1.0.0 …" of these nodes
fleet_versions_of() {
    local nodes=" ${*:2} "
    fleet_versions "$1" | tr ' ' '\n' | while IFS='=' read -r node version; do
        [[ $nodes == *" $node "* ]] && printf '%s=%s ' "$node" "$version"
    done | sed 's/ $//'
}

fleet_socket() { # fleet_socket NODE
    echo "$FLEET/$1/run/tools/default.sock"
}

# fleet_tool NODE TOOL [INPUT]: calls a tool as a program on that node does.
fleet_tool() {
    "$FLEET_BIN/lockstep" tool call --socket "$(fleet_socket "$1")" "${@:2}"
}

# fleet_tool_names --socket PATH|--node NODE: the tools there.
fleet_tool_names() {
    fleet_cli tool ls "$@" -o name
}

# fleet_host NODE: the process in which that node's modules live, as its agent last said.
fleet_host() {
    local pid
    pid=$(grep -o 'host up service=default pid=[0-9]*' "$FLEET/log/agent-$1" | tail -n 1)
    pid=${pid##*=}
    [ -n "$pid" ] && kill -0 "$pid" 2>/dev/null && echo "$pid"
}

# ---- callers --------------------------------------------------------------------------------------------

# fleet_callers 'TOOL...' NODE...: starts a caller on every node; returns when all have answers.
fleet_callers() {
    local node tools
    read -r -a tools <<<"$1"
    for node in "${@:2}"; do
        # shellcheck disable=SC2086 # options of a test's choice
        fleet_start "caller-$node" '^ready' "$FLEET_BIN/lockstep-caller" \
            --socket "$(fleet_socket "$node")" --threads "${FLEET_THREADS:-2}" ${FLEET_CALLER-} \
            "${tools[@]}" || return
    done
}

# fleet_callers_again NODE: returns when every thread has had answers from every tool once more.
fleet_callers_again() {
    local pid=${fleet_pids[caller-$1]}
    kill -s USR1 "$pid" && fleet_wait_line "$FLEET/log/caller-$1" '^again' "$pid" >/dev/null
}

fleet_callers_end() { # fleet_callers_end NODE...
    local node
    FLEET_CALLS=
    for node in "$@"; do
        fleet_kill "caller-$node" TERM
        FLEET_CALLS+=$(grep '^{' "$FLEET/log/caller-$node")$'\n'
    done
    CALLS=$(fleet_sum calls) LOST=$(fleet_sum lost) FAILED=$(fleet_sum failed)
    WRONG=$(fleet_sum wrong) MIXED=$(fleet_sum mixed) CHANGES=$(fleet_sum changes)
    echo "# callers: $CALLS calls, $LOST lost, $FAILED failed, $WRONG wrong, $MIXED mixed, $CHANGES changes"
    jq -r 'select(.first != "") | "# first: \(.first)"' <<<"$FLEET_CALLS"
}

fleet_sum() { # fleet_sum MEMBER: over what the callers said in the end
    jq -s "map(.$1) | add" <<<"$FLEET_CALLS"
}

# check_calls NAME NODE...: ends the callers; passes when they made calls and none went wrong.
check_calls() {
    local name=$1
    shift
    fleet_callers_end "$@"
    if [ "${CALLS:-0}" -gt 0 ] && [ "$LOST $FAILED $WRONG $MIXED" = "0 0 0 0" ]; then
        pass "$name"
    else
        fail "$name"
    fi
}
