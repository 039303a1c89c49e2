#!/usr/bin/env bash
# A join token is ended before it is used: who comes with it is refused, and told why.
set -u
. "$(dirname "$0")/../support/fleet.sh"

fleet_of 1
make_token() { # make_token NODE
    fleet_node_folder "$1" "$FLEET_SETTINGS"
    (umask 077 && fleet_cli token create --join "$1" >"$FLEET/$1/token")
}
join() { # join NODE: the agent as it ends by itself
    timeout "$FLEET_SECONDS" "$FLEET_BIN/lockstep-agent" --config "$FLEET/$1/agent.yaml" --join "$FLEET/$1/token"
}
state_of() { # state_of NODE: of its tokens
    fleet_json "[.tokens[] | select(.node == \"$1\") | .state] | join(\" \")" token ls
}

make_token n2
fleet_cli token create --join n2 >/dev/null
check_same "open open" "two tokens for n2" state_of n2
check_status 2 "nobody's token is not revoked" fleet_cli token revoke n7
check_says 'next: lockstep token ls' "and it is said how to find them" fleet_cli token revoke n7
check_status 4 "nor one that was used" fleet_cli token revoke n1
check_says 'its own key is what lets it in' "and it is said what lets the node in" fleet_cli token revoke n1
check_says 'next: lockstep node revoke n1' "and what keeps it out" fleet_cli token revoke n1
check_says 'revoked +n2|n2 +2 tokens|2 tokens' "those of a node are" fleet_cli token revoke n2 -m "sent to the wrong person"
check_same "revoked revoked" "which shows" state_of n2
check_status 4 "once" fleet_cli token revoke n2
check_says 'is revoked already' "and it is said so" fleet_cli token revoke n2
check_status 2 "the agent that comes with it ends" join n2
check_says 'the join token was revoked; make another one with lockstep token create --join n2' \
    "with the reason" join n2
check_same 1 "and is no node" fleet_json '.nodes | length' node ls
check_says 'token.revoke +n2 .*wrong person|token.revoke' "what was done is in the audit trail" fleet_cli audit
check_same "sent to the wrong person" "with why" \
    fleet_json '[.rows[] | select(.what == "token.revoke")][0].detail' audit

make_token n3
id=$(fleet_json '.tokens[] | select(.node == "n3") | .id' token ls)
check "one can be named by 6 characters of its id" fleet_cli token revoke "${id:0:6}"
check_same revoked "and is revoked" state_of n3
make_token n3
check "another one lets the node in" fleet_start_agent n3 --join "$FLEET/n3/token"
rm -rf "$FLEET/n4" && cp -r "$FLEET/n3" "$FLEET/n4" && rm -rf "$FLEET/n4/data"
sed -i "s|$FLEET/n3|$FLEET/n4|" "$FLEET/n4/agent.yaml"
check_says 'the join token was used already' "a used one is told from that" join n4
check "the audit trail is whole" fleet_cli audit verify
fleet_end
