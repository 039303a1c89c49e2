#!/usr/bin/env bash
# tests/bench/run fleet [--json] [--agents N] [--rounds N] [--disk] [--profile FILE]: one coordinator
# and many agents.
#
# The coordinator is the real one, with its settings as they are shipped, on tmpfs or, with --disk, in
# .build/bench. The agents (100) are simulated in one process: each has its connection, its address,
# its key, its handshake and its sealing, and none has a journal, a host or the agent's core; they
# answer at once. They are enrolled by writing the coordinator's journal while it is down. Measured are
#
#   storm_seconds     from the first dialling to the last READY; storm_cpu: of the coordinator
#   kb_per_agent      memory (RSS) of the coordinator in the end, less that with an empty fleet
#   rest_…            processor time (100 % is a core) and messages at rest;
#                     rest_journal_writes: 1 if anything was written into its journal meanwhile
#   reload_operation  from opened to its result, as the document has it, in whole ms; reload_prepare and
#                     reload_commit: to the decision, and from it; reload_command: all of `lockstep reload`
#   reload_cpu_…      of the coordinator: open (plan, signature, row), prepare, and commit, with FINAL of the one
#                     before and what is written late
#   reload_repeated   messages that were asked for or answered again, because it took longer than a second
#   status_, check_command   how long these take; …_cpu: of the coordinator
#   epoll             the same messages, four a node, between two processes over plain sockets; runs in
#                     turn with the operations
#   epoll_cpu         processor time of the one that asks
#   operation_over_epoll_ratio   medians of reload_operation and epoll
#   cpu_over_epoll_ratio         of reload_cpu_prepare and reload_cpu_commit together, and epoll_cpu: what is
#                                left of that ratio when others have the processor, too
#
# With --profile perf looks at the coordinator all the time, and leaves what it saw in FILE.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
bin=$(cd "${LOCKSTEP_BUILD:-.build/dev}/bin" 2>/dev/null && pwd)
json=false agents=100 rounds=5 storage=tmpfs profile=

while [ $# -gt 0 ]; do
    case $1 in
    --json) json=true ;;
    --disk) storage=disk ;;
    --agents) agents=$2 && shift ;;
    --rounds) rounds=$2 && shift ;;
    --profile) profile=$2 && shift ;;
    *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
    shift
done
for program in lockstep lockstepd lockstep-probe fleet_agents; do
    if [ ! -x "$bin/$program" ]; then
        echo "$program is not built; run: cmake --preset dev && cmake --build --preset dev" >&2
        exit 2
    fi
done
if [ "$(ulimit -Hn)" != unlimited ] && [ "$(ulimit -Hn)" -lt $((agents + 200)) ]; then
    echo "a process may open only $(ulimit -Hn) files here; see ulimit -n, limits.conf(5)" >&2
    exit 2
fi
ulimit -Sn 1024 # as usual: whoever wants more asks for it
mkdir -p .build/bench
if [ "$storage" = tmpfs ] && [ "$(stat -f -c %T /dev/shm 2>/dev/null)" = tmpfs ]; then
    export TMPDIR=/dev/shm
else
    storage=disk
    export TMPDIR=$PWD/.build/bench
fi
export FLEET_BIN=$bin FLEET_SECONDS=60
# shellcheck source=tests/support/fleet.sh
. tests/support/fleet.sh

samples() { # samples NAME VALUE UNIT
    echo "$*" >>"$FLEET/samples"
}

resident_kb() {
    awk '/^VmRSS/ { print $2 }' "/proc/$(fleet_pid lockstepd)/status"
}

begin_fleet() {
    local version
    fleet_coordinator 'log: warning' || return
    empty=$(resident_kb)
    for version in 1 2; do
        CC=${CC:-cc} agent/host/lockstep-cc -DECHO_VERSION="\"$version.0.0\"" \
            -o "$FLEET/echo-$version.so" tests/modules/echo.c && fleet_push "$FLEET/echo-$version.so" >/dev/null || return
    done
    fleet_kill lockstepd &&
        "$bin/fleet_agents" enrol "$FLEET/coordinator" "$agents" >"$FLEET/cluster" &&
        fleet_start_coordinator
}

# One step a line. The journal's log is looked at before and after the rest.
steps() {
    local cli round
    cli="'$bin/lockstep' --config '$FLEET/operator.yaml' --coordinator '$FLEET_URL'"
    echo "install $cli reload echo@1.0.0 --strategy sync_all --install --soak 0 -y -o json >'$FLEET/install'"
    for ((round = 0; round < rounds; round++)); do
        echo "reload $cli reload echo@$((2 - round % 2)).0.0 --strategy sync_all --soak 0 -y -o json >'$FLEET/reload.$round'"
        echo "plain '$bin/fleet_agents' floor $agents 3 \$(cat '$FLEET/sizes')"
        echo "status $cli status >'$FLEET/status'"
        echo "check $cli check echo >'$FLEET/check'"
    done
    echo "rest 1000" # what is late is written
    echo "stat stat -c '%y %s' '$FLEET/coordinator/journal.db-wal' >'$FLEET/before'"
    echo "rest 5000"
    echo "stat stat -c '%y %s' '$FLEET/coordinator/journal.db-wal' >'$FLEET/after'"
}

time_of() { # time_of WORD FILE
    grep -o -m 1 "\"$1_unix_ms\": [0-9]*" "$2" | cut -d ' ' -f 2
}

note_documents() {
    local file opened decided ended
    for file in "$FLEET"/reload.*; do
        opened=$(time_of opened "$file") && decided=$(time_of decided "$file") &&
            ended=$(time_of ended "$file") || return
        samples reload_operation $((ended - opened)) ms
        samples reload_prepare $((decided - opened)) ms
        samples reload_commit $((ended - decided)) ms
    done
}

measure() {
    local cluster key perf=
    read -r cluster key <"$FLEET/cluster"
    if [ -n "$profile" ]; then
        perf record -q -g -F 997 -o "$profile" -p "$(fleet_pid lockstepd)" -- sleep 3600 &
        perf=$!
    fi
    steps >"$FLEET/steps"
    "$bin/fleet_agents" run "$agents" "${FLEET_URL##*:}" "$cluster" "$key" "$(fleet_pid lockstepd)" \
        "$FLEET/sizes" <"$FLEET/steps" >>"$FLEET/samples" || return
    samples kb_per_agent "$(awk "BEGIN { print ($(resident_kb) - $empty) / $agents }")" kB
    if [ -n "$perf" ]; then
        kill -s INT "$perf"
        wait "$perf"
    fi
    cmp -s "$FLEET/before" "$FLEET/after"
    samples rest_journal_writes $? ""
    note_documents
}

# NAME MEDIAN MIN MAX COUNT UNIT, in the order of their first sample. Only the longer rest counts, and
# what a step costs that is a part of the measurement itself does not.
summarize() {
    awk '$1 !~ /^(install|plain|stat)_/ && !($1 ~ /^rest_/ && $1 != "rest_journal_writes" && !rested[$1]++)' "$FLEET/samples" |
        sort -s -k 1,1 -k 2,2n | awk '
        function finish(   median) {
            if (count == 0) return
            median = value[int((count + 1) / 2)]
            print name, median, value[1], value[count], count, unit
            medians[name] = median
        }
        $1 != name { finish(); count = 0; name = $1; unit = $3 }
        { value[++count] = $2 }
        END {
            finish()
            ratio = medians["reload_operation"] / medians["epoll"]
            print "operation_over_epoll_ratio", ratio, ratio, ratio, 1, ""
            ratio = (medians["reload_cpu_prepare"] + medians["reload_cpu_commit"]) / medians["epoll_cpu"]
            print "cpu_over_epoll_ratio", ratio, ratio, ratio, 1, ""
        }'
}

print_json() {
    awk -v agents="$agents" -v storage="$storage" '
        BEGIN {
            printf "{\"schema\":\"lockstep/bench/v1\",\"bench\":\"fleet\",\"agents\":%d,\"storage\":\"%s\",\"results\":[",
                agents, storage
        }
        {
            printf "%s{\"name\":\"%s\",\"median\":%.3f,\"min\":%.3f,\"max\":%.3f,\"samples\":%d,\"unit\":\"%s\"}",
                (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, $6
        }
        END { print "]}" }'
}

print_table() {
    echo "$agents agents, journal on $storage"
    awk '{ printf "%-28s median %10.3f  min %10.3f  max %10.3f  %s\n", $1, $2, $3, $4, $6 }'
}

fleet_begin
{ begin_fleet && measure; } >&2 || {
    echo "the measurement failed" >&2
    cat "$FLEET/log/lockstepd" >&2
    exit 1
}
if $json; then summarize | print_json; else summarize | print_table; fi
