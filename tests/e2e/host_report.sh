#!/usr/bin/env bash
# What a host leaves behind when a module kills it, and a request that kills it again and again.
set -u
. "$(dirname "$0")/../support/fleet.sh"

FLEET_SETTINGS+="
  crash_loop_window: 10ms"
fleet_of 1
fleet_needs "modules are pushed" fleet_modules echo-1 echo-dies
fleet_needs "the version that can die is installed" fleet_install echo@1.0.0
fleet_needs "it is live" fleet_reload echo@3.0.0 --soak 0 --rollback-window 60s

die() { # the very same request each time
    fleet_tool n1 echo.say die
}
lives() {
    [ "$(fleet_tool n1 echo.say x 2>/dev/null)" = "3.0.0 x" ]
}
reports() {
    find "$FLEET/n1/data/hosts/default/crash" -name 'report.*' | wc -l
}
has_reports() {
    [ "$(reports)" -ge "$1" ]
}

# ---- the first death ----
check_status 9 "a request ends the host" die
check_eventually "the host is back" lives
check_eventually "there is a report" has_reports 1
report=$(find "$FLEET/n1/data/hosts/default/crash" -name 'report.*' | head -n 1)
check_same 600 "for its owner alone" stat -c %a "$report"
check_says "^what: the host died of SIGSEGV in echo 3.0.0 \+0x[0-9a-f]+ \(build-id [0-9a-f]{40}\)" \
    "it names module, version, offset and build-id" cat "$report"
check_says "^thread: \(died\) inside of echo 3.0.0" "and who was inside of what" cat "$report"
check_says "^request: echo.say, fingerprint [0-9a-f]{16}" "and what it was asked" cat "$report"
check "the agent says so in one line" \
    grep -q "the host died of SIGSEGV in echo 3.0.0 .*report=" "$FLEET/log/agent-n1"
died() { # the events that say so
    fleet_cli events -o jsonl "$@" | jq -r 'select(.what == "host.died") | "\(.subject) \(.modules[0]) \(.text)"'
}
has_deaths() { # has_deaths COUNT [MODULE]
    [ "$(died "${@:2}" | wc -l)" -eq "$1" ]
}
check_eventually "who follows the fleet is told" has_deaths 1 echo
check_says "^n1 echo default: the host died of SIGSEGV in echo 3.0.0 \+0x[0-9a-f]+ \(build-id [0-9a-f]{40}\)$" \
    "where, of what, and in which version" died
if command -v addr2line >/dev/null; then
    offset=$(sed -n 's/^at: echo 3.0.0 +\(0x[0-9a-f]*\).*/\1/p' "$report")
    check_says "^say$" "the place is found outside of the process that died" \
        addr2line -f -e "$FLEET_GOOD/echo-dies.so" "$offset"
fi

# ---- the same request again ----
check_status 9 "the same request ends the next host, too" die
check_eventually "and that is back" lives
check_eventually "with a report" has_reports 2
check_eventually "and an event of its own" has_deaths 2 echo
check_says "refused: this very request ended the host twice" "then it is refused" die
check "and the host lives" lives
check_same 2 "nothing has died of it" reports

# ---- no page is left of who lives no more ----
pages() {
    find "$FLEET/n1/data/hosts/default/crash" -name 'page.*' | wc -l
}
check_same 1 "there is one page, of the host that lives" pages
kill -s KILL "$(fleet_host n1)"
check_eventually "a host that is killed is back" lives
check_eventually "and leaves a report, too" has_reports 3
check_eventually "and an event" has_deaths 3
check_says "^n1 null default: the host was ended by signal 9$" "that blames no module" died
check "the audit trail is whole" fleet_cli audit verify
fleet_end
