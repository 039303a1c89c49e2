#!/usr/bin/env bash
# Tools of modules, as people and programs see them: listed with their schema, and watched on the node
# and through the coordinator while modules are replaced, added and taken out.
set -u
. "$(dirname "$0")/../support/fleet.sh"

watch() { # watch NAME OPTION...: starts a watcher; returns when it watches
    fleet_start "$1" 'watching [0-9]+ tools' "$FLEET_BIN/lockstep" --config "$FLEET/operator.yaml" \
        --coordinator "$FLEET_URL" tool watch "${@:2}"
}

has_line() { # has_line NAME REGEX
    grep -q -E -- "$2" "$FLEET/log/$1"
}

here() { # here: options that name n1's socket
    echo --socket "$(fleet_socket n1)"
}

tools_of() { # tools_of OPTION...
    fleet_json '[.tools[] | "\(.tool) \(.version) \(.input_schema.type)"] | join(", ")' tool ls "$@"
}

fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1
fleet_needs "and one is installed" fleet_install echo@1.0.0
said="echo.fail 1.0.0 null, echo.pair 1.0.0 null, echo.say 1.0.0 string, echo.wait 1.0.0 null"
# shellcheck disable=SC2046 # two words
check_same "$said" "tools are listed with the schema of their input" tools_of $(here)
check_same "$said" "through the coordinator as well" tools_of --node n1
# shellcheck disable=SC2046
check_says '^echo\.say +echo +1\.0\.0 +[1-9][0-9]* .*\{"type":"string"' "wide shows it, and generations" \
    fleet_cli tool ls -o wide $(here)

# shellcheck disable=SC2046
fleet_needs "somebody watches on the node" watch near $(here)
# shellcheck disable=SC2046
fleet_needs "and one of its tools, as JSON" watch one -o jsonl $(here) echo.say
fleet_needs "and from afar" watch far --node n1
fleet_needs "and in columns" watch columns -o tsv --node n1 echo.say
check "version 2 comes" fleet_reload echo@2.0.0 --soak 0
check_eventually "who watches on the node is told" \
    has_line near '^tool updated echo\.say, 1\.0\.0 -> 2\.0\.0, generation [1-9][0-9]*$'
check_eventually "and from afar" has_line far '^tool updated echo\.say, 1\.0\.0 -> 2\.0\.0, generation [1-9]'
check "and another module" fleet_install counter@1.0.0
check_eventually "its tools are told as new" has_line near '^tool added counter\.add, 1\.0\.0, '
check_eventually "also from afar" has_line far '^tool added counter\.add, 1\.0\.0, '
check_same '"updated 1.0.0 2.0.0"' "one tool is what was asked for" \
    bash -c "grep '^{' '$FLEET/log/one' | jq -c '\"\(.what) \(.old_version) \(.version)\"'"

fleet_kill agent-n1 KILL
check_eventually "a node that is away is said to be" has_line far 'n1 is away'
check_status 4 "nothing can be called there" fleet_cli tool call --node n1 echo.say x
check_status 2 "nor on a node that is none" fleet_cli tool call --node n2 echo.say x
check_says 'did you mean n1' "whose name is put right" fleet_cli tool call --node n2 echo.say x
kill -KILL "$(fleet_host n1)"
check_eventually "and a host that is" has_line near ' is away'
fleet_needs "the agent is back" fleet_start_agent n1
check_eventually "the host" has_line near 'it is back'
check_eventually "and the node" has_line far 'it is back'
check_same 4 "nothing has changed, so nothing is told" grep -c '^tool updated' "$FLEET/log/near"
check_same 4 "also from afar" grep -c '^tool updated' "$FLEET/log/far"
check "back to version 1" fleet_cli undo echo --no-quarantine --soak 0
check_eventually "that is told" has_line near '^tool updated echo\.say, 2\.0\.0 -> 1\.0\.0, '
check_eventually "and from afar" has_line far '^tool updated echo\.say, 2\.0\.0 -> 1\.0\.0, '
check_eventually "columns have tabs between them" has_line columns $'^updated\techo\\.say\t1\\.0\\.0\t2\\.0\\.0\t[0-9]+$'
check "an interrupt ends it" fleet_kill columns INT
check "an interrupt ends it on the node" fleet_kill near INT
check "and from afar" fleet_kill far INT
fleet_kill one INT
# shellcheck disable=SC2046
check_status 0 "which is no failure" timeout --preserve-status -s INT 1 \
    "$FLEET_BIN/lockstep" tool watch $(here)
# shellcheck disable=SC2046
check_status 124 "the end of --timeout is" fleet_cli tool watch --timeout 100ms $(here)
# shellcheck disable=SC2046
check_says 'there is no nix yet' "a slip is seen" fleet_cli tool watch --timeout 100ms $(here) nix
check_status 9 "a service that is not there, too" fleet_cli tool watch --socket "$FLEET/none.sock"
check "the audit trail is whole" fleet_cli audit verify
fleet_end
