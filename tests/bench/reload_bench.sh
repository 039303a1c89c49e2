#!/usr/bin/env bash
# tests/bench/run reload [--json] [--nodes N] [--rounds N] [--profile]: what a reload costs.
#
# One coordinator and N agents (5), each with its host, are real processes on this machine. Two
# versions of a small module alternate, ROUNDS times (40) on all nodes (sync_all, quorum) and on one
# (local), with everything on tmpfs and then on disk. Measured are
#
#   command    the whole `lockstep reload`: start, handshake, plan, signature, operation, result
#   operation  from opened to its result, as the operation's document has it, in whole ms
#   prepare    from opened to decided: checks, vows, votes
#   commit     from decided to the result: every node has read back what was ordered
#   cpu        of daemons, hosts and probes, an operation; cpu-command of the command
#
# And reconcile: a third of the nodes drift, each by a pin that is soon over, and are moved back to
# what the majority runs, as many at a time as `lockstep reconcile` moves by itself: one, or a tenth.
# reconcile-…-node is the operation's time by the number of nodes that were moved.
#
# A quorum here waits for the votes of all that are there, and its result for the read-back of all
# that it committed on; Erlang's clock stops at the majority's answer.
#
# The soak is 0. Agents remember the probe's yes, so each version was tried out before the clock
# starts; what is measured has signatures, digests, copies, mapping and forced rows in it.
#
# With --profile perf looks on while another ROUNDS of sync_all run on tmpfs, and the processor's time of
# an operation is told by process and by whose code it was spent in: profile-WHO-WHERE.
#
# A program for the same job in Erlang (run cluster_reload N ROUNDS, last line JSON) has its figures
# beside ours: the one in ../shared/peer/erlang beside this tree, or in the folder that LOCKSTEP_PEER
# names. Without it, or without Erlang, it is skipped, and says so.
set -u -o pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
top=$PWD
bin=$(cd "${LOCKSTEP_BUILD:-.build/dev}/bin" 2>/dev/null && pwd)
disk=$top/.build/bench
json=false profile=false nodes=5 rounds=40
batch=5 # operations between two looks at the processor's clocks, which tick in 10 ms

while [ $# -gt 0 ]; do
    case $1 in
    --json) json=true ;;
    --profile) profile=true ;;
    --nodes) nodes=$2 && shift ;;
    --rounds) rounds=$2 && shift ;;
    *) sed -n '2,/^$/s/^# \{0,1\}//p' "$0" && exit 2 ;;
    esac
    shift
done
for program in lockstep lockstepd lockstep-agent lockstep-host lockstep-probe; do
    if [ ! -x "$bin/$program" ]; then
        echo "$program is not built; run: cmake --preset dev && cmake --build --preset dev" >&2
        exit 2
    fi
done

mkdir -p "$disk"
scratch=$(mktemp -d "$disk/results.XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT

note() { # note NAME VALUE UNIT
    echo "$1 $2 $3" >>"$scratch/samples"
}

# ---- a fleet --------------------------------------------------------------------------------------

begin_fleet() {
    local yaml='log: warning' node version
    fleet_begin
    fleet_coordinator_config tcp://127.0.0.1:0 "$yaml"
    "$bin/lockstep" key generate --release "$FLEET/bench.key" >"$FLEET/bench.pub" &&
        "$bin/lockstepd" init --config "$FLEET/lockstepd.yaml" --new-admin "$FLEET/operator.yaml" \
            --release "$FLEET/bench.pub" >/dev/null && fleet_start_coordinator || return
    FLEET_URL=$(grep -o -E 'tcp://[^ "]+' "$FLEET/log/lockstepd.ready" | head -n 1)
    for ((node = 1; node <= nodes; node++)); do
        fleet_node "n$node" "$yaml" || return
    done
    for version in 1 2; do
        CC=${CC:-cc} agent/host/lockstep-cc -DECHO_VERSION="\"$version.0.0\"" \
            -o "$FLEET/echo-$version.so" tests/modules/echo.c &&
            fleet_cli artifact push "$FLEET/echo-$version.so" --sign "$FLEET/bench.key" >/dev/null || return
    done
    for version in 1 2 1; do # once each before the clock starts
        fleet_cli reload "echo@$version.0.0" --strategy sync_all --install --soak 0 -y >/dev/null || return
    done
}

# Every process of the fleet: the daemons, and hosts and probes, which agents start.
fleet_processes() {
    local name
    for name in "${!fleet_pids[@]}"; do
        fleet_tree "${fleet_pids[$name]}"
    done
}

fleet_tree() {
    local child
    echo "$1"
    for child in $(cat /proc/"$1"/task/*/children 2>/dev/null); do
        fleet_tree "$child"
    done
}

# Builtins only, so that looking costs the shell nothing that would be counted.
# ticks PID...: ticks that they and their ended children have used, into $used.
ticks() {
    local pid line fields
    used=0
    for pid in "$@"; do
        read -r line 2>/dev/null <"/proc/$pid/stat" || continue
        read -r -a fields <<<"${line##*) }"
        used=$((used + fields[11] + fields[12] + fields[13] + fields[14]))
    done
}

# own_ticks PID: ticks of the ended children of that shell, which are the commands, into $used.
own_ticks() {
    local line fields
    read -r line <"/proc/$1/stat"
    read -r -a fields <<<"${line##*) }"
    used=$((fields[13] + fields[14]))
}

# ---- measuring ------------------------------------------------------------------------------------

time_of() { # time_of WORD VARIABLE: that time of $document
    [[ $document =~ \"$1_unix_ms\":\ ([0-9]+) ]] && printf -v "$2" %d "${BASH_REMATCH[1]}"
}

reload_once() { # reload_once NAME VERSION OPTION...
    local name=$1 begin end opened decided ended document micro
    begin=${EPOCHREALTIME/./}
    fleet_cli reload "echo@$2.0.0" --soak 0 -y -o json "${@:3}" >"$FLEET/document" || {
        cat "$FLEET/document" >&2
        return 1
    }
    end=${EPOCHREALTIME/./}
    IFS= read -r -d '' document <"$FLEET/document"
    time_of opened opened && time_of decided decided && time_of ended ended || return
    printf -v micro %03d $(((end - begin) % 1000))
    note "$name-command" "$(((end - begin) / 1000)).$micro" ms
    note "$name-operation" $((ended - opened)) ms
    note "$name-prepare" $((decided - opened)) ms
    note "$name-commit" $((ended - decided)) ms
}

measure() { # measure NAME OPTION...
    local name=$1 round processes used before own version=1 tick self=$BASHPID
    shift
    tick=$((1000 / $(getconf CLK_TCK)))
    mapfile -t processes < <(fleet_processes)
    for ((round = 0; round < rounds; round++)); do
        if [ $((round % batch)) -eq 0 ]; then
            ticks "${processes[@]}" && before=$used
            own_ticks "$self" && own=$used
        fi
        version=$((3 - version))
        reload_once "$name" "$version" "$@" || return
        if [ $((round % batch)) -eq $((batch - 1)) ]; then
            ticks "${processes[@]}" && note "$name-cpu" $(((used - before) * tick / batch)) ms
            own_ticks "$self" && note "$name-cpu-command" $(((used - own) * tick / batch)) ms
        fi
    done
    # An even number of rounds ends where it began.
    [ "$version" -eq 1 ] || reload_once discarded 1 "$@"
}

drifted() { # drifted COUNT: so many nodes run another version than they are to run
    [ "$(fleet_cli check echo -o json | grep -c '"kind": "other-version"')" -eq "$1" ]
}

measure_reconcile() { # measure_reconcile NAME
    local round node count=$((nodes / 3 > 0 ? nodes / 3 : 1)) opened ended document
    for ((round = 0; round < rounds / 5 + 1; round++)); do
        for ((node = 1; node <= count; node++)); do
            fleet_cli reload echo@2.0.0 --strategy local --node "n$node" --pin 1s --soak 0 -y >/dev/null || return
        done
        fleet_until drifted "$count" || return
        fleet_cli reconcile echo --soak 0 -y -o json >"$FLEET/document" || {
            cat "$FLEET/document" >&2
            return 1
        }
        IFS= read -r -d '' document <"$FLEET/document"
        time_of opened opened && time_of ended ended || return
        note "$1-operation" $((ended - opened)) ms
        note "$1-node" "$(awk "BEGIN { print ($ended - $opened) / $count }")" ms
    done
}

# ---- a profile ------------------------------------------------------------------------------------

frequency=2500

profile_sync_all() {
    local name role pid perf
    if ! command -v perf >/dev/null; then
        echo "profile: perf is not installed" >>"$scratch/skipped"
        return
    fi
    for name in "${!fleet_pids[@]}"; do
        for pid in $(fleet_tree "${fleet_pids[$name]}"); do
            role=$(cat "/proc/$pid/comm")
            echo "$pid ${role#lockstep-}"
        done
    done >"$scratch/roles"
    perf record -q -F "$frequency" -o "$scratch/perf.data" \
        -p "$(cut -d ' ' -f 1 "$scratch/roles" | paste -sd ,)" -- sleep 3600 &
    perf=$!
    fleet_until test -s "$scratch/perf.data" && measure discarded --strategy sync_all
    kill -s INT "$perf"
    wait "$perf"
    perf script -i "$scratch/perf.data" -F pid,ip,dso 2>/dev/null | profile_rows >>"$scratch/profile"
}

# Of lines "PID ADDRESS (OBJECT)": "profile-WHO-WHERE MS MS MS ms", the greatest first.
profile_rows() {
    awk -v frequency="$frequency" -v rounds="$rounds" '
        NR == FNR { role[$1] = $2; next }
        {
            where = "others"
            if ($3 ~ /kernel/) where = "kernel"
            else if ($3 ~ /sqlite/) where = "sqlite"
            else if ($3 ~ /sodium/) where = "sodium"
            else if ($3 ~ /libnng/) where = "nng"
            else if ($3 ~ /libc\.so|ld-linux/) where = "libc"
            else if ($3 ~ /lockstep/) where = "lockstep"
            who = $1 in role ? role[$1] : "others"
            count[who "-" where]++
            count[who "-all"]++
        }
        END {
            for (key in count) {
                ms = count[key] * 1000 / frequency / rounds
                printf "profile-%s %.2f %.2f %.2f ms\n", key, ms, ms, ms
            }
        }' "$scratch/roles" - | sort -k 2,2nr
}

measure_on() { # measure_on STORAGE FOLDER
    ( # a shell of its own, for fleet_begin cleans up when it ends
        export TMPDIR=$2 FLEET_BIN=$bin
        # shellcheck source=tests/support/fleet.sh
        . tests/support/fleet.sh
        begin_fleet && measure "sync_all-$1" --strategy sync_all &&
            measure "quorum-$1" --strategy quorum &&
            measure "local-$1" --strategy local --node n1 &&
            fleet_cli reload echo@1.0.0 --strategy sync_all --soak 0 --again -y >/dev/null &&
            measure_reconcile "reconcile-$1" && fleet_cli check >/dev/null || exit
        if $profile && [ "$1" = tmpfs ]; then
            profile_sync_all
        fi
    ) >&2 || {
        echo "the measurement on $1 failed" >&2
        return 1
    }
}

# ---- the peer -------------------------------------------------------------------------------------

skipped=()
measure_peer() {
    local peer=${LOCKSTEP_PEER-$top/../shared/peer/erlang}
    if [ ! -x "$peer/run" ]; then
        skipped+=("peer: there is no program $peer/run; LOCKSTEP_PEER names another folder")
    elif ! command -v erl >/dev/null; then
        skipped+=("peer: Erlang is not installed")
    elif ! PEER_BUILD=$scratch/peer VARIANTS=sync_all_ship,sync_all_disk,quorum_ship,reconcile_drift \
        "$peer/run" cluster_reload "$nodes" "$rounds" >"$scratch/peer.log" 2>&1; then
        skipped+=("peer: it failed: $(tail -n 1 "$scratch/peer.log")")
    else
        tail -n 1 "$scratch/peer.log" >"$scratch/peer.json"
        peer_result sync_all_ship erlang-sync_all-shipped
        peer_result sync_all_disk erlang-sync_all-disk
        peer_result quorum_ship erlang-quorum-shipped
        peer_result reconcile_drift erlang-reconcile
    fi
}

# peer_result VARIANT NAME: "VARIANT":{…,"cpu_ms_per_op":1.0,"max":…,"median":…,"min":…,"p99":…} of "ms"
peer_result() {
    local row cpu
    row=$(sed 's/^.*"ms"://' "$scratch/peer.json" | grep -o "\"$1\":{[^}]*}")
    [ -n "$row" ] || return 0
    echo "$2 $(value_in "$row" median) $(value_in "$row" min) $(value_in "$row" p99) ms" >>"$scratch/results"
    cpu=$(value_in "$row" cpu_ms_per_op)
    [ -z "$cpu" ] || echo "$2-cpu $cpu $cpu $cpu ms" >>"$scratch/results"
}

value_in() { # value_in ROW KEY
    grep -o "\"$2\":[0-9.]*" <<<"$1" | cut -d : -f 2
}

# ---- the report -----------------------------------------------------------------------------------

# NAME MEDIAN MIN P99 UNIT, in the order of their first sample
summarize() {
    local name
    for name in $(awk '!seen[$1]++ && $1 !~ /^discarded/ { print $1 }' "$scratch/samples"); do
        awk -v name="$name" '$1 == name { print $2, $3 }' "$scratch/samples" | sort -n | awk -v name="$name" '
            { value[NR] = $1; unit = $2 }
            END {
                high = int((NR * 99 + 99) / 100)
                print name, value[int((NR + 1) / 2)], value[1], value[high], unit
            }'
    done
}

print_json() {
    awk -v nodes="$nodes" -v rounds="$rounds" -v skipped="$(printf '%s\n' ${skipped[@]+"${skipped[@]}"})" '
        BEGIN {
            printf "{\"schema\":\"lockstep/bench/v1\",\"bench\":\"reload\",\"nodes\":%d,\"rounds\":%d,", nodes, rounds
            printf "\"results\":["
        }
        {
            printf "%s{\"name\":\"%s\",\"median\":%.2f,\"min\":%.2f,\"p99\":%.2f,\"unit\":\"%s\",\"nodes\":%d,\"rounds\":%d",
                (NR > 1 ? "," : ""), $1, $2, $3, $4, $5, nodes, rounds
            if (split($1, part, "-") >= 3 && part[1] != "erlang" && part[1] != "profile")
                printf ",\"strategy\":\"%s\",\"storage\":\"%s\"", part[1], part[2]
            printf "}"
        }
        END {
            printf "],\"skipped\":["
            count = split(skipped, text, "\n")
            for (i = 1; i <= count; i++) {
                gsub(/["\\[:cntrl:]]/, " ", text[i])
                printf "%s\"%s\"", (i > 1 ? "," : ""), text[i]
            }
            print "]}"
        }' "$scratch/results"
}

print_table() {
    awk '{ printf "%-32s median %10.2f  min %10.2f  p99 %10.2f  %s\n", $1, $2, $3, $4, $5 }' "$scratch/results"
    [ ${#skipped[@]} -eq 0 ] || printf 'skipped: %s\n' "${skipped[@]}"
}

: >"$scratch/samples"
: >"$scratch/results"
: >"$scratch/profile"
: >"$scratch/skipped"
if [ "$(stat -f -c %T /dev/shm 2>/dev/null)" != tmpfs ]; then
    skipped+=("tmpfs: /dev/shm is none")
elif findmnt -n -o OPTIONS -T /dev/shm | grep -q noexec; then
    skipped+=("tmpfs: no code may be mapped from /dev/shm")
else
    measure_on tmpfs /dev/shm || exit 1
fi
measure_on disk "$disk" || exit 1
mapfile -t skipped <"$scratch/skipped"
summarize >>"$scratch/results"
cat "$scratch/profile" >>"$scratch/results"
measure_peer
if $json; then print_json; else print_table; fi
