#!/usr/bin/env bash
# One line at a time, one fault at a time: what an agent notices by itself it mends by itself, with a
# new connection; what lasts is seen, and is over when the line is.
set -u
. "$(dirname "$0")/../support/fleet.sh"
. "$(dirname "$0")/../support/net.sh"

begun() { # how often n1 has connected
    grep -c ' n1 #.* begins' "$FLEET/log/relay"
}

is_new() { # is_new COUNT
    [ "$(begun)" -gt "$1" ] && fleet_ready n1
}

# mends NAME DIRECTION VERB...: it comes by another connection, and nobody has healed the line.
mends() {
    local before
    before=$(begun)
    net_tell n1 "${@:2}"
    check_eventually "$1" is_new "$before"
}

# lasts NAME DIRECTION VERB...: it is seen to be away, and comes back when the line is healed.
lasts() {
    net_tell n1 "${@:2}"
    check_eventually "$1: it is away" fleet_absent n1
    check_status 4 "and a sync_all is refused" fleet_reload echo@1.0.0 --again --soak 0
    net_heal
    check_eventually "and back" fleet_ready n1
}

net_of 2
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0
FLEET_CALLER="--pause 5"
fleet_needs "callers have answers" fleet_callers echo.say n1 n2

mends "both ends are reset" both reset
mends "the coordinator's end is gone, and the agent was not told" up reset
net_heal
mends "the agent's end is gone, and the coordinator was not told" down reset
net_heal
mends "the agent's stream ends" up close
mends "the coordinator's stream ends" down close
mends "a bit on the way to the coordinator is turned over" up flip 20
mends "a bit on the way to the agent is turned over" down flip 20
lasts "nothing reaches the coordinator" up silence
lasts "nothing reaches the agent" down silence
lasts "after so many bytes nothing does" up stop 100
net_tell n1 both deaf
net_tell n1 both reset
check_eventually "nobody answers: it is away" fleet_absent n1
net_heal
check_eventually "and back" fleet_ready n1
net_tell n1 both refuse
net_tell n1 both reset
check_eventually "it is refused: it is away" fleet_absent n1
net_heal
check_eventually "and back" fleet_ready n1
net_tell '*' both delay 80 40
check "over a slow line it still works" fleet_reload echo@2.0.0 --soak 0
net_tell '*' both heal
net_tell '*' both rate 8000
check "over a narrow one, too" fleet_reload echo@1.0.0 --soak 0
net_heal
check_calls "no call was lost, failed or mixed" n1 n2
check "the fleet is consistent" fleet_cli check
fleet_end
