#!/usr/bin/env bash
# A majority of all, and not of those who happen to be there; who is away is owed the version, and
# gets it when it returns.
set -u
. "$(dirname "$0")/../support/fleet.sh"

quorum() { # quorum SUBJECT… [OPTION…]
    fleet_cli reload --strategy quorum -y --soak 0 "$@"
}

go_away() { # go_away NODE…: their agents and hosts are killed
    local node
    for node in "$@"; do
        host=$(fleet_host "$node")
        fleet_kill "agent-$node" KILL
        kill -s KILL "$host"
    done
    for node in "$@"; do
        fleet_needs "$node is seen to be away" fleet_until fleet_absent "$node"
    done
}

come_back() { # come_back NODE…
    local node
    for node in "$@"; do
        fleet_needs "$node comes back" fleet_start_agent "$node"
    done
    fleet_needs "and is ready" fleet_until fleet_ready "$@"
}

is_on() { # is_on VERSION NODE…
    local node wanted=
    for node in "${@:2}"; do
        wanted+="$node=$1 "
    done
    [ "$(fleet_versions_of echo "${@:2}")" = "${wanted% }" ]
}

operations() {
    fleet_json '.operations | length' op ls
}

part() { # part NODE: its state in the newest reload
    fleet_operation_of reload ".parts[] | select(.node == \"$1\") | .state"
}

# with_probe NODE PROGRAM: its agent tries modules out with that.
with_probe() {
    fleet_kill "agent-$1" TERM
    fleet_node_folder "$1" "$FLEET_SETTINGS"
    [ -z "$2" ] || printf 'probe: %s\n' "$2" >>"$FLEET/$1/agent.yaml"
    fleet_start_agent "$1" && fleet_until fleet_ready "$1"
}

fleet_of 5
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 counter@1.0.0

# ---- two of five are away: it commits, and they catch up ----
go_away n4 n5
fleet_needs "callers have answers" fleet_callers "echo.say counter.add" n1 n2 n3
check_status 3 "with three of five it succeeds in part" \
    quorum echo@2.0.0 counter@2.0.0 --detailed-exitcode
check_same "succeeded-partial 5 3" "of five, three were needed" \
    fleet_operation '"\(.result) \(.n) \(.need)"'
check_same "healthy healthy healthy owed owed" "two are owed it" \
    fleet_operation '[.parts[].state] | join(" ")'
check_same "n1=2.0.0 n2=2.0.0 n3=2.0.0" "three have it" fleet_versions_of echo n1 n2 n3
check_status 3 "check says who is behind" fleet_cli check
come_back n4 n5
check_eventually "both are brought to it" is_on 2.0.0 n1 n2 n3 n4 n5
check_eventually "the fleet is consistent" fleet_cli check
check_calls "no call was lost, failed or mixed" n1 n2 n3

# ---- an old node returns straight to the newest ----
go_away n5
check "it commits without n5" quorum echo@1.0.0 counter@1.0.0
check "and once more" quorum echo@2.0.0 counter@2.0.0
changes=$(fleet_json '.rows[] | select(.node == "n5") | .generation' module status echo)
come_back n5
check_eventually "n5 is consistent with what is newest" fleet_cli check
check_same "1" "it was given one version, not two" \
    echo "$(grep -c 'row=PREPARED of echo' "$FLEET/log/agent-n5")"
check "its generation rose" [ "$changes" -lt \
    "$(fleet_json '.rows[] | select(.node == "n5") | .generation' module status echo)" ]

# ---- three of five are away: refused, though all that are there agree ----
go_away n3 n4 n5
before=$(operations)
check_status 4 "with two of five it is refused" quorum echo@1.0.0
check_says '2 of 5|3 (are|is|of)' "with the arithmetic" quorum echo@1.0.0
check_status 4 "also when fewer are asked for" quorum echo@1.0.0 --quorum 2
check_same "$before" "no operation was opened" operations
check_same "n1=2.0.0 n2=2.0.0" "nobody changed" fleet_versions_of echo n1 n2

# ---- two of four ----
come_back n3 n5
go_away n3 n5
check_status 4 "two of four are no majority" \
    quorum echo@1.0.0 --node n1 --node n2 --node n3 --node n4
check_same "n1=2.0.0 n2=2.0.0" "nobody changed" fleet_versions_of echo n1 n2
come_back n3 n4 n5
check_eventually "the fleet is consistent" fleet_cli check

# ---- one objects, for a reason of its own: a majority may go on ----
fleet_needs "n4 has a probe that dies" with_probe n4 /bin/false
check_status 3 "one NO of class node is borne" quorum echo@1.0.0 --detailed-exitcode
check_same "refused" "n4 refused it" part n4
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0 n5=1.0.0" "the others have it" \
    fleet_versions_of echo n1 n2 n3 n5
check_same ready "who refused is owed nothing, for it is not asked again" fleet_json .state node show n4
check_status 6 "it is not borne with --max-fail 0" quorum counter@1.0.0 --max-fail 0
check_same "aborted n4" "because of n4" fleet_operation '"\(.result) \(.cause.node)"'
fleet_needs "n4 has a good probe again" with_probe n4 ""
check "with it n4 is brought along" quorum echo@1.0.0
check_eventually "the fleet is consistent" fleet_cli check

# ---- one doubts the integrity of what it was given: nobody may go on ----
digest=$(fleet_json '.artifacts[] | select(.version == "2.0.0") | .digest' artifact ls echo)
chmod u+w "$FLEET/n2/data/store/$digest.so"
printf spoilt | dd of="$FLEET/n2/data/store/$digest.so" bs=1 seek=64 conv=notrunc status=none
check_status 6 "one NO of class integrity vetoes" quorum echo@2.0.0
check_same "aborted n2 BAD_DIGEST integrity" "and it is said whose and why" \
    fleet_operation '"\(.result) \(.cause.node) \(.cause.code) \(.cause.class)"'
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0 n4=1.0.0 n5=1.0.0" "nobody changed" fleet_versions echo
check "the file was fetched anew when it is asked again" quorum echo@2.0.0
check_eventually "the fleet is consistent" fleet_cli check

# ---- lost after the decision: the majority goes on, and the lost one is owed it ----
fleet_kill agent-n3 TERM
FLEET_CRASH=AGENT_BEFORE_POINTER fleet_start_agent n3
fleet_needs "n3 is ready to be lost" fleet_until fleet_ready n3
check_status 3 "one lost after the decision is borne" \
    quorum echo@1.0.0 --commit-deadline 1s --detailed-exitcode
fleet_wait_end agent-n3
come_back n3
check_eventually "when it is back it has it" is_on 1.0.0 n1 n2 n3 n4 n5
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
