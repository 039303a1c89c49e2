# shellcheck shell=bash disable=SC2086,SC2154
# A fleet whose agents reach their coordinator through lockstep-relay, and the history of what it
# went through. To be read behind fleet.sh.
#
#   net_of 4                         # coordinator, relay, nodes n1 to n4 with a line each
#   net_tell n1 up silence           # what happens to a line (tests/support/relay.c)
#   net_draw_faults SEED SECONDS     # faults of all kinds, drawn from a seed; all is healed in the end
#   net_ask ID STRATEGY ARGUMENT...  # a command that changes something, and what it said
#   net_judge NAME                   # callers end, the history is collected and judged

NET_DEADLINE_MS=6000
NET_SLACK_MS=4000 # a coordinator that is stopped, and a busy machine
NET_SETTINGS="settings:
  connect: 500ms
  handshake: 1s
  heartbeat: 100ms
  suspect_percent: 500
  down_percent: 1200
  flap_limit: 200
  flap_window: 1s
  reconnect_first: 50ms
  reconnect_last: 300ms
  fetch: 3s
  prepare: 2s
  commit_deadline: 1500ms
  decision_resend_first: 100ms
  decision_resend_last: 500ms
  catch_up_first: 200ms
  catch_up_last: 1s
  query_first: 100ms
  query_last: 500ms
  rollback_window: 1s
  soak: 200ms
  host_restart_first: 20ms
  host_restart_last: 200ms"
NET_NODES=()

# As fleet_begin; what runs beside an interrupted test ends first, or it would write into the folder that goes.
net_begin() {
    fleet_begin
    trap 'kill $(jobs -p) 2>/dev/null; wait; fleet_interrupted=yes; exit 130' INT TERM
}

# net_of N [SEED]: ends the test when that does not come about.
net_of() {
    local node
    net_begin
    FLEET_SETTINGS=$NET_SETTINGS
    fleet_coordinator || fleet_fails "the coordinator is ready"
    for ((node = 1; node <= $1; node++)); do
        NET_NODES+=("n$node")
    done
    mkfifo "$FLEET/relay"
    fleet_start relay ' ready$' "$FLEET_BIN/lockstep-relay" --seed "${2:-1}" --commands "$FLEET/relay" \
        --to "${FLEET_URL#tcp://}" "${NET_NODES[@]}" || fleet_fails "the relay is ready"
    for node in "${NET_NODES[@]}"; do
        FLEET_URL=tcp://$(sed -n "s/.* $node listens at //p" "$FLEET/log/relay") fleet_node "$node" \
            || fleet_fails "$node is ready"
    done
    : >"$FLEET/asked"
}

# Opened for reading too, or a relay that is gone would stop the test here.
net_tell() { # net_tell LINE DIRECTION VERB [NUMBER...]
    echo "$*" 1<>"$FLEET/relay"
}

net_enough() { # ends what runs beside the test
    : >"$FLEET/enough"
}

net_goes_on() { # also not when the test was interrupted
    [ -d "$FLEET" ] && [ ! -e "$FLEET/enough" ]
}

# ---- faults ------------------------------------------------------------------------------------

net_word() { # net_word WORD...: one of them
    NET_WORD=${*:$((1 + RANDOM % $#)):1}
}

# One fault, of one line. Whatever is cut here comes back by itself, or with the next `heal`.
net_draw_fault() {
    local direction
    net_word "${NET_NODES[@]}"
    local node=$NET_WORD
    net_word up down both
    direction=$NET_WORD
    net_word delay rate silence stop flip close reset reset deaf refuse halves heal ${NET_MORE-}
    case $NET_WORD in
    delay) net_tell "$node" "$direction" delay $((RANDOM % 300)) $((RANDOM % 200)) ;;
    rate) net_tell "$node" "$direction" rate $((500 + RANDOM % 20000)) ;;
    stop) net_tell "$node" "$direction" stop $((RANDOM % 3000)) ;;
    flip) net_tell "$node" "$direction" flip $((RANDOM % 2000)) ;;
    heal) net_heal ;;
    halves) net_cut_halves "$direction" ;;
    stop-agent) net_stop_for "agent-$node" $((100 + RANDOM % 2500)) ;;
    stop-coordinator) net_stop_for lockstepd $((100 + RANDOM % 1500)) ;;
    stall-agent) net_stall_for "agent-$node" $((20 + RANDOM % 400)) $((1 + RANDOM % 3)) ;;
    stall-coordinator) net_stall_for lockstepd $((20 + RANDOM % 200)) $((1 + RANDOM % 3)) ;;
    *) net_tell "$node" "$direction" "$NET_WORD" ;;
    esac
}

net_cut_halves() { # net_cut_halves DIRECTION: every other node
    local node
    for ((node = RANDOM % 2; node < ${#NET_NODES[@]}; node += 2)); do
        net_tell "${NET_NODES[node]}" "$1" silence
    done
}

# SIGSTOP, and SIGCONT from a process of its own: it comes also when this one is killed.
net_stop_for() { # net_stop_for NAME MS
    local pid=${fleet_pids[$1]}
    [ ! -e "$FLEET/stopped-$1" ] || return 0
    : >"$FLEET/stopped-$1"
    echo "$1 is stopped for $2 ms" >>"$FLEET/log/faults"
    kill -s STOP "$pid"
    (
        sleep "$(printf '%d.%03d' $(($2 / 1000)) $(($2 % 1000)))"
        kill -s CONT "$pid"
        rm -f "$FLEET/stopped-$1"
    ) &
}

# Whether strace may delay what a process does, as some machines do not let it.
net_may_stall() {
    local pid status
    sleep 20 &
    pid=$!
    disown "$pid"
    timeout 1 strace -qq -o /dev/null -e inject=fdatasync:delay_enter=1 -p "$pid" >/dev/null 2>&1
    status=$?
    kill "$pid" 2>/dev/null
    [ "$status" -eq 124 ] # it was there until it was told to go
}

# A disk that takes long over each sync. The process is let go by the end of strace.
net_stall_for() { # net_stall_for NAME MS-A-SYNC SECONDS
    [ ! -e "$FLEET/stopped-$1" ] || return 0
    : >"$FLEET/stopped-$1"
    echo "$1 has a disk that takes $2 ms a sync, for $3 s" >>"$FLEET/log/faults"
    {
        timeout "$3" strace -f -qq -o /dev/null -e trace=fsync,fdatasync \
            -e inject=fsync,fdatasync:delay_enter="${2}000" -p "${fleet_pids[$1]}" >>"$FLEET/log/strace" 2>&1
        rm -f "$FLEET/stopped-$1"
    } &
}

# In a shell of its own, so that the same seed draws the same faults at the same times.
net_draw_faults() { # net_draw_faults SEED: until $FLEET/enough is there
    RANDOM=$1
    while net_goes_on; do
        net_draw_fault
        sleep "$(printf '0.%03d' $((50 + RANDOM % 900)))"
    done
    wait # for those that are stopped
    net_heal
}

net_heal() {
    net_tell '*' both heal
}

# Nobody is away, in doubt or owed anything. Whose pin is over stays where it is until it is asked to move, and
# who went back is on what it was on, which need not be what others were on.
net_settled() {
    local over='(.text | startswith("its pin is over"))'
    fleet_ready "${NET_NODES[@]}" || return
    fleet_json ".pinned == [] and (.differences | all(.kind == \"split\" or $over))" check | grep -qx true || {
        fleet_cli check # for whoever asked in vain
        return 1
    }
}

# ---- what is asked for, and what became of it ---------------------------------------------------

# net_id TEXT: an operation's id, which the text determines.
net_id() {
    printf '%s' "$1" | b2sum -l 128 | tr -d ' -' | tr '[:lower:]' '[:upper:]' | basenc -d --base16 | base32 | tr -d = | tr '[:upper:]' '[:lower:]'
}

net_ask() { # net_ask ID STRATEGY COMMAND ARGUMENT...
    local id=$1 strategy=$2 status=0
    shift 2
    fleet_cli "$@" --request-id "$id" --deadline "${NET_DEADLINE_MS}ms" --timeout 20s -y \
        >>"$FLEET/log/asked" 2>&1 </dev/null || status=$?
    echo "$id $* ended with $status" >>"$FLEET/log/asked"
    printf '{"id": "%s", "strategy": "%s", "exit": %d, "deadline_ms": %d}\n' \
        "$id" "$strategy" "$status" "$NET_DEADLINE_MS" >>"$FLEET/asked"
}

# net_operate SEED SUBJECTS VERSION...: operations one after the other, of all strategies.
net_operate() {
    local number=0 subjects module node id
    RANDOM=$1
    while net_goes_on; do
        number=$((number + 1)) subjects=()
        net_word "${@:3}"
        for module in $2; do
            subjects+=("$module@$NET_WORD")
        done
        net_word "${NET_NODES[@]}"
        node=$NET_WORD
        net_word sync_all sync_all sync_all quorum quorum quorum local undo
        id=$(net_id "$1 $number")
        case $NET_WORD in
        local) net_ask "$id" local reload "${subjects[@]}" --strategy local --node "$node" --pin 1s --again --soak 100ms ;;
        undo) net_ask "$id" undo undo $2 --no-quarantine ;;
        *) net_ask "$id" "$NET_WORD" reload "${subjects[@]}" --strategy "$NET_WORD" --again --soak 100ms ;;
        esac
    done
}

net_served() { # net_served NODE: what its caller was served, as documents
    sed -n "s/^served \([0-9]*\) \([a-z]*\) \([0-9]*\) \([^ ]*\) \([0-9]*\)$/{\"node\": \"$1\", \"thread\": \1, \"module\": \"\2\", \"generation\": \3, \"version\": \"\4\", \"unix_ms\": \5}/p" \
        "$FLEET/log/caller-$1"
}

net_collect() {
    local node id
    fleet_callers_end "${NET_NODES[@]}"
    printf '%s' "$FLEET_CALLS" >"$FLEET/calls"
    for node in "${NET_NODES[@]}"; do
        net_served "$node"
    done >"$FLEET/served"
    fleet_cli events --from 1 -o jsonl >"$FLEET/events" || return
    fleet_json '.operations[].id' op ls --limit 100000 >"$FLEET/ids" || return
    while read -r id; do
        fleet_cli op show "$id" -o json || return
    done <"$FLEET/ids" >"$FLEET/operations"
    jq -s -r 'group_by([.kind, .strategy, .result]) | map("# \(length) × \(.[0].kind) \(.[0].strategy): \(.[0].result)")[]' \
        "$FLEET/operations"
}

net_judge() { # net_judge NAME
    net_collect || fail "the history is collected"
    check "$1" "$FLEET_ROOT/tests/support/history" "$FLEET" "$NET_SLACK_MS"
}
