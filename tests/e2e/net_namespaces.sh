#!/usr/bin/env bash
# Agents in network namespaces of their own, in a ring of links with the coordinator: cut in halves,
# cut off as an arc, in one direction only, and led the other way round. Nothing of ours is between
# them; links and routes are the kernel's. Needs namespaces, rootless or as root.
set -u
. "$(dirname "$0")/../support/fleet.sh"
. "$(dirname "$0")/../support/net.sh"

forward='ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward && ip link add name la type veth peer name lb'
if [ -z "${NET_INSIDE-}" ]; then
    for flags in -Urn -n; do
        if unshare $flags unshare -n true 2>/dev/null && unshare $flags sh -c "$forward" 2>/dev/null; then
            NET_INSIDE=yes exec unshare $flags "$0"
        fi
    done
    skip "agents in network namespaces" "this machine allows none (unshare, ip); net_faults.sh has relays instead"
    fleet_end
fi

# Position 0 is the coordinator, in this script's own namespace; position P is nP. Link K is between
# positions K and K+1: 10.77.K.1 and 10.77.K.2. Each position has an address of its own, 10.78.0.P.
readonly count=5
at=() # at[P]: what runs a command at that position

address() { # address POSITION
    echo "10.78.0.$((100 + $1))"
}

# arc M: n1 to nM are reached through n1, the others through the last. Routes over links that are down
# are left as they are.
arc() {
    local here
    for ((here = 0; here <= count; here++)); do
        routes "$here" "$1" | ${at[here]} ip -force -batch -
    done
}

routes() { # routes HERE M
    local here=$1 there way
    for ((there = 0; there <= count; there++)); do
        way=10.77.$here.2 # onwards
        if [ "$there" -eq 0 ] && [ "$here" -le "$2" ] \
            || [ "$there" -gt 0 ] && [ "$there" -le "$2" ] && [ "$here" -gt "$there" ] \
            || [ "$there" -gt "$2" ] && { [ "$here" -gt "$there" ] || [ "$here" -eq 0 ]; }; then
            way=10.77.$(((here + count) % (count + 1))).1 # and back
        fi
        [ "$here" -eq "$there" ] || echo "route replace $(address "$there")/32 via $way src $(address "$here")"
    done
}

link() { # link NUMBER up|down
    ${at[$1]} ip link set next "$2"
}

# With a link that comes up its routes do not come back by themselves.
net_heal() {
    local number
    for ((number = 0; number <= count; number++)); do
        link "$number" up
    done
    arc 2
}

# swallow HERE THERE: what HERE sends THERE goes nowhere; the other direction is as it was.
swallow() {
    ${at[$1]} ip route replace blackhole "$(address "$2")"
}

make_ring() {
    local here next
    for ((here = 1; here <= count; here++)); do
        fleet_start "net-n$here" '^ready' unshare -n sh -c 'echo ready; exec sleep infinity' || return
        at[here]="nsenter -t ${fleet_pids[net-n$here]} -n --"
    done
    at[0]=
    for ((here = 0; here <= count; here++)); do
        ${at[here]} sh -c 'ip link set lo up && echo 1 >/proc/sys/net/ipv4/ip_forward
            for f in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$f"; done' || return
        ${at[here]} ip address add "$(address "$here")/32" dev lo || return
    done
    for ((here = 0; here <= count; here++)); do
        next=$(((here + 1) % (count + 1)))
        # Both ends are made here and moved: one namespace knows only its own pids.
        ip link add "x$here" type veth peer name "y$here" || return
        move "x$here" next "$here" "10.77.$here.1/30" || return
        move "y$here" before "$next" "10.77.$here.2/30" || return
    done
    arc 2
}

move() { # move LINK NAME POSITION ADDRESS
    [ "$3" -eq 0 ] || ip link set "$1" netns "${fleet_pids[net-n$3]}" || return
    ${at[$3]} ip link set "$1" name "$2" && ${at[$3]} ip address add "$4" dev "$2" && ${at[$3]} ip link set "$2" up
}

absent() { # absent NODE…
    local node
    for node in "$@"; do
        fleet_absent "$node" || return
    done
}

isolated() {
    fleet_json '[.alarms[].code] | index("isolated") != null' status | grep -qx true
}

both() { # both SUBJECT-VERSION [OPTION…]
    fleet_cli reload "echo@$1" "other@$1" -y --soak 100ms "${@:2}"
}

all_are_on() { # all_are_on VERSION
    [ "$(fleet_versions echo)" = "n1=$1 n2=$1 n3=$1 n4=$1 n5=$1" ]
}

# Drawn as in net_faults.sh, with the kernel's means.
net_draw_fault() {
    net_word halves arc link up down other-way heal heal
    echo "$NET_WORD" >>"$FLEET/log/faults"
    case $NET_WORD in
    halves) link 0 down ;;
    arc) link 1 down && link 4 down ;;
    link) link $((RANDOM % (count + 1))) down ;;
    up) swallow $((1 + RANDOM % count)) 0 ;;
    down) swallow 0 $((1 + RANDOM % count)) ;;
    other-way) arc $((RANDOM % (count + 1))) ;;
    heal) net_heal ;;
    esac
} 2>/dev/null # a route over a link that is down is refused

net_begin
FLEET_SETTINGS=$NET_SETTINGS
NET_NODES=(n1 n2 n3 n4 n5)
fleet_needs "there is a ring of namespaces" make_ring
FLEET_ALSO=tcp://$(address 0):7000
fleet_needs "the coordinator is ready" fleet_coordinator
near=$FLEET_URL
for ((position = 1; position <= count; position++)); do
    FLEET_URL=$FLEET_ALSO FLEET_WITH=${at[position]} fleet_needs "n$position is ready" fleet_node "n$position"
done
FLEET_URL=$near
: >"$FLEET/asked"
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 other-1 other-2
fleet_needs "version 2 is installed" fleet_install echo@2.0.0 other@2.0.0
fleet_needs "and exchanged, so that undo goes back to a version" fleet_reload echo@1.0.0 other@1.0.0
FLEET_CALLER="--tell --pause 5"
fleet_needs "callers have answers" fleet_callers "echo.say other.pair" "${NET_NODES[@]}"

# ---- in halves: n1 and n2 here, the coordinator with the majority there ----
link 0 down
check_status 6 "cut before anybody noticed, a sync_all is aborted" both 2.0.0 --strategy sync_all
check "and nobody changed" all_are_on 1.0.0
check_eventually "n1 and n2 are away" absent n1 n2
check_status 4 "now it is refused" both 2.0.0 --strategy sync_all
check "a majority goes on" both 2.0.0 --strategy quorum
check_same "n3=2.0.0 n4=2.0.0 n5=2.0.0" "and has it" fleet_versions_of echo n3 n4 n5
arc 0
check_eventually "led the other way round the ring, the two come" fleet_ready n1 n2
check_eventually "and are given it" all_are_on 2.0.0

# ---- an arc, cut off at both ends: so many at once that it might be the coordinator who is away ----
net_heal
check_eventually "all are there" fleet_ready "${NET_NODES[@]}"
link 1 down
link 4 down
check_eventually "of n2, n3 and n4 nothing is heard" isolated
check_status 4 "two of five are no majority" both 1.0.0 --strategy quorum
net_heal
check_eventually "all are there" fleet_ready "${NET_NODES[@]}"
check "and are on what they were" all_are_on 2.0.0

# ---- one direction ----
swallow 3 0
check_eventually "whom nobody hears is away" absent n3
net_heal
check_eventually "and comes back" fleet_ready "${NET_NODES[@]}"
swallow 0 4
check_status 6 "who hears nothing cannot vote" both 1.0.0 --strategy sync_all
net_heal
check_eventually "and comes back" fleet_ready "${NET_NODES[@]}"
check "nobody changed" all_are_on 2.0.0

# ---- whatever comes ----
net_draw_faults "${LOCKSTEP_NET_SEED:-1}" &
faults=$!
net_operate 2 "echo other" 1.0.0 2.0.0 &
operations=$!
SECONDS=0
until [ "$SECONDS" -ge "${LOCKSTEP_NET_SECONDS:-10}" ]; do
    sleep 0.2
done
net_enough
wait "$faults" "$operations"
net_heal
check_eventually "healed, all nodes are ready" fleet_ready "${NET_NODES[@]}"
check_eventually "and have what they are owed" net_settled
check "a sync_all succeeds" both 2.0.0 --strategy sync_all --again
check "and all are alike" fleet_cli check
net_judge "what it went through holds"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
