#!/usr/bin/env bash
# Health checks that stay on through soak and window: a tool, a command and a page.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# The command and the page fail while $FLEET/NODE/ill is there.
health_of() { # health_of NODE
    cat <<EOF
services:
  - name: default
    health:
      - {name: echoes, module: echo, tool: echo.say, request: x, expect: "1.0.0 x", interval: 50ms}
      - name: ill
        module: counter
        command: [/bin/sh, -c, "echo looked at; ! test -e $FLEET/$1/ill"]
        interval: 50ms
        timeout: 5s
        failures: 2
EOF
}

FLEET_SETTINGS+="
  error_rate_calls: 20
  error_rate_chance: 1000"
fleet_begin
fleet_needs "the coordinator is ready" fleet_coordinator
for node in n1 n2; do
    fleet_needs "$node is ready" fleet_node "$node" "$FLEET_SETTINGS
$(if [ "$node" = n2 ]; then health_of "$node"; fi)"
done
fleet_needs "modules are pushed" fleet_modules echo-1 echo-2 counter-1 counter-2
fleet_needs "version 1 is installed" fleet_install echo@1.0.0 counter@1.0.0

# ---- in the soak ----
check_status 6 "a check of n2 fails in the soak: the reload ends with 6" \
    fleet_reload echo@2.0.0 --soak 15s
check_same "rolled-back n2 HEALTH" "because of n2" \
    fleet_operation_of reload '"\(.result) \(.cause.node) \(.cause.code)"'
check_says "check echoes: echo.say answers '2.0.0 x', without '1.0.0 x'" "it says what was seen" \
    fleet_operation_of reload .cause.text
check_same "n1=1.0.0 n2=1.0.0" "both are on the version before" fleet_versions echo
check_same true "the version is quarantined" \
    fleet_json '.artifacts[] | select(.version == "2.0.0" and .module == "echo") | .quarantined' \
    artifact ls echo

# ---- later in the window ----
check "a reload that is well succeeds" fleet_reload counter@2.0.0 --soak 0 --rollback-window 60s
touch "$FLEET/n2/ill"
went_back() {
    [ "$(fleet_operation_of reload .result)" = rolled-back ]
}
check_eventually "a check that fails in its window takes it back" went_back
check_says "HEALTH check ill: /bin/sh ends with 1 \(looked at" "because of the command" \
    fleet_operation_of reload '"\(.cause.code) \(.cause.text)"'
are_back() {
    [ "$(fleet_versions counter)" = "n1=1.0.0 n2=1.0.0" ]
}
check_eventually "both are on the version before" are_back

# ---- what was wrong before is not the new version's fault ----
check "the version is not to blame for good" fleet_cli artifact unquarantine counter@2.0.0
check "what was ill before the reload does not end it" \
    fleet_reload counter@2.0.0 --soak 1s --rollback-window 60s
rm "$FLEET/n2/ill"
said_good() {
    grep -q "check ill is good again" "$FLEET/log/agent-n2"
}
check_eventually "it is good again" said_good
touch "$FLEET/n2/ill"
check_eventually "and from then on it counts" went_back
# ---- more calls fail than before ----
calls_fail() { # calls_fail TIMES
    local i
    for ((i = 0; i < $1; i++)); do
        fleet_tool n1 echo.fail >/dev/null 2>&1
    done
}
for _ in {1..60}; do
    fleet_tool n1 echo.say x >/dev/null
done
check "the version that echoes is to be tried again" fleet_cli artifact unquarantine echo@2.0.0
check "it succeeds on a node that has no checks" \
    fleet_cli reload echo@2.0.0 --strategy local --node n1 -y --soak 0 --rollback-window 60s
calls_fail 25
check_eventually "its calls fail, and it goes back" went_back
check_says "HEALTH [0-9]+ of [0-9]+ calls of echo failed, 0 of [0-9]+ of the version before" \
    "because of them" fleet_operation_of reload '"\(.cause.code) \(.cause.text)"'

# ---- did the new code run? ----
rm -f "$FLEET/n2/ill"
fleet_cli artifact unquarantine counter@2.0.0 >/dev/null 2>&1
check_status 6 "new code that nobody calls goes back" \
    fleet_reload counter@2.0.0 --soak 0 --rollback-window 2s --require-calls 5
check_same "rolled-back NOT_CALLED" "because nobody called it" \
    fleet_operation_of reload '"\(.result) \(.cause.code)"'
check_same false "and is not to blame" \
    fleet_json '.artifacts[] | select(.version == "2.0.0" and .module == "counter") | .quarantined' \
    artifact ls counter
fleet_needs "callers have answers" fleet_callers counter.add n1 n2
check "new code that is called succeeds" \
    fleet_reload counter@2.0.0 --soak 0 --rollback-window 20s --require-calls 5
fleet_callers_end n1 n2

check "the audit trail is whole" fleet_cli audit verify
fleet_end
