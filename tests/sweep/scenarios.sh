# shellcheck shell=bash
# What is under way when something fails. Each scenario is a fleet (`NAME_fleet`), what is done before
# each point (`NAME_begin`) and the command that is hit; begin sets
#
#   old new       versions, before and if the command succeeds
#   nodes nodes_moved   all, and those that it moves; the others are on 1.0.0
#   command       the arguments of lockstep
#
# `NAME_end` is called after a point that went well.

readonly SWEEP_SCENARIOS="sync_all quorum local back undo"
# Short enough for a sweep. Whoever is away is back within them.
FLEET_SETTINGS="settings:
  heartbeat: 100ms
  suspect_percent: 2000
  down_percent: 2000
  flap_limit: 100
  reconnect_first: 20ms
  reconnect_last: 100ms
  prepare: 5s
  commit_deadline: 4s
  decision_resend_first: 50ms
  decision_resend_last: 200ms
  catch_up_first: 50ms
  catch_up_last: 200ms
  query_first: 50ms
  query_last: 200ms
  soak: 200ms
  host_restart_first: 20ms
  host_restart_last: 200ms"
# shellcheck disable=SC2034 # for fleet.sh
window=(--soak 50ms --rollback-window 200ms)
current=1.0.0 # what the nodes that are moved are on

pair_fleet() { # pair_FLEET NODES
    fleet_of "$1"
    fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
    fleet_needs "version 1 is installed" fleet_install echo@1.0.0 counter@1.0.0 --rollback-window 200ms
    current=1.0.0 nodes=(n1 n2 n3)
    nodes=("${nodes[@]:0:$1}")
}

other_version() {
    if [ "$current" = 1.0.0 ]; then echo 2.0.0; else echo 1.0.0; fi
}

# to_other STRATEGY…: the reload to the other version
to_other() {
    old=$current new=$(other_version)
    command=(reload "echo@$new" "counter@$new" -y --strategy "$@" "${window[@]}")
}

# shellcheck disable=SC2034 # for the session
sync_all_fleet() {
    pair_fleet 2
    nodes_moved=(n1 n2)
}
sync_all_begin() { to_other sync_all; }
sync_all_end() { :; }

# shellcheck disable=SC2034
quorum_fleet() {
    pair_fleet 3
    nodes_moved=(n1 n2 n3)
}
quorum_begin() { to_other quorum; }
quorum_end() { :; }

# shellcheck disable=SC2034
local_fleet() {
    pair_fleet 2
    nodes_moved=(n2)
}
local_begin() { to_other local --node n2; }
local_end() { :; }

# A version that is unwell as soon as it is live: all have to go back.
# shellcheck disable=SC2034
back_fleet() {
    pair_fleet 2
    fleet_needs "the version that is unwell is pushed" fleet_modules echo-smoke-live
    nodes_moved=(n1 n2)
}
# shellcheck disable=SC2034
back_begin() {
    old=1.0.0 new=3.1.0
    command=(reload echo@3.1.0 -y --strategy sync_all --soak 2s --rollback-window 3s)
}
back_end() {
    fleet_cli artifact unquarantine echo@3.1.0 >/dev/null 2>&1 || true # only where it was
}

# An operator's undo of what has succeeded.
# shellcheck disable=SC2034
undo_fleet() {
    pair_fleet 2
    nodes_moved=(n1 n2)
}
# shellcheck disable=SC2034
undo_begin() {
    if [ "$current" = 1.0.0 ]; then
        fleet_reload echo@2.0.0 counter@2.0.0 --soak 0 --rollback-window 60s || return
    fi
    old=2.0.0 new=1.0.0 current=2.0.0
    command=(undo echo counter -y --no-quarantine)
}
undo_end() { :; }
