#!/usr/bin/env bash
# A real redis-server, driven by verbs: a module is brought, exchanged, refused, taken back and out,
# while others read and write.
set -u
. "$(dirname "$0")/../support/fleet.sh"
FLEET_SETTINGS=${FLEET_SETTINGS/commit_deadline: 4s/commit_deadline: 3s}

for tool in redis-server redis-cli redis-benchmark cc; do
    if ! command -v "$tool" >/dev/null; then
        skip "redis is driven by verbs" "there is no $tool; see deploy/packages.txt"
        fleet_end
    fi
done

redis() { # redis WORD...
    redis-cli -s "$FLEET/redis.sock" -e "$@"
}

redis_begin() {
    fleet_start redis 'Ready to accept|ready to accept' redis-server --port 0 --unixsocket "$FLEET/redis.sock" \
        --save '' --appendonly no --enable-module-command yes --dir "$FLEET" --loglevel verbose
}

redis_yaml() {
    local verb
    printf '%s\n  exec_health_interval: 100ms\nservices:\n  - name: redis\n    exec:\n' "$FLEET_SETTINGS"
    for verb in validate snapshot apply health revert; do
        printf '      %s: [%s, %s, %s, demo.version, /usr/bin/redis-cli, -s, %s]\n' "$verb" \
            "$FLEET_ROOT/deploy/exec/redis/redis-verb" "$verb" "$FLEET/redis-modules" "$FLEET/redis.sock"
    done
    echo '  - name: default' # a host of modules beside it
}

build() { # build VERSION [OPTION...]
    cc -std=c17 -shared -fPIC "-DVERSION=\"$1\"" "${@:2}" -o "$FLEET/demo-$1.so" \
        "$FLEET_ROOT/tests/support/redis_demo.c"
}

push() { # push VERSION
    fleet_push "$FLEET/demo-$1.so" --driver exec --module "demo@$1" --service redis
}

says() { # says VERSION
    [ "$(redis demo.version 2>&1)" = "$1" ]
}

# ---- load: others read and write; what goes wrong there ends a run ----

load_begin() {
    touch "$FLEET/loading"
    (
        while [ -e "$FLEET/loading" ]; do
            nice redis-benchmark -s "$FLEET/redis.sock" -q -c 4 -n 5000 -t set,get && echo "a good run"
        done >"$FLEET/log/load" 2>&1
    ) &
    load=$!
}

load_end() {
    rm "$FLEET/loading"
    wait "$load"
    [ "$(grep -c 'a good run' "$FLEET/log/load")" -gt 0 ] && ! grep -i error "$FLEET/log/load"
}

fleet_begin
fleet_coordinator || fleet_fails "the coordinator is ready"
redis_begin || fleet_fails "redis starts"
fleet_node n1 "$(redis_yaml)" || fleet_fails "n1 is ready"
fleet_needs "the modules are built" build 1
build 2
build 3 -DREFUSES # validate cannot see that
echo "no object" >"$FLEET/demo-4.so"
for version in 1 2 3 4; do push "$version" >>"$FLEET/log/push" 2>&1; done
redis set kept before >/dev/null
load_begin

fleet_needs "a module is installed" fleet_install demo@1
check_same 1 "and answers" redis demo.version
check "another version comes" fleet_reload demo@2 --soak 0
check_same 2 "and answers" redis demo.version
check "undo leads back" fleet_cli undo demo -y --soak 0 --no-quarantine
check_same 1 "and that answers" redis demo.version

check_status 6 "what is no object is refused" fleet_reload demo@4 --soak 0
check_same "VALIDATE" "before anything is changed" fleet_operation .cause.code
check_status 6 "a version that does not load is taken back" fleet_reload demo@3 --soak 0
check "its load had failed" grep -q "apply of demo ended with 1: redis-verb: ERR Error loading" "$FLEET/log/agent-n1"
check_eventually "what ran before answers" says 1
check_same 1 "and is what the node says it runs" fleet_json '.rows[0].version' module status demo

# ---- a set of both kinds is one set ----
both_say() { # both_say VERSION-OF-DEMO VERSION-OF-ECHO
    says "$1" && [ "$(fleet_tool n1 echo.say x)" = "$2 x" ]
}

build 7 -DREFUSES
push 7 >>"$FLEET/log/push" 2>&1
check "modules of a host are pushed" fleet_modules echo-1 echo-2
check "one is installed" fleet_install echo@1.0.0
check "a module of redis and one of the host come together" fleet_reload demo@2 echo@2.0.0 --soak 0
check_eventually "both are there" both_say 2 2.0.0
check "undo takes both back" fleet_cli undo demo echo -y --soak 0 --no-quarantine
check_eventually "both are back" both_say 1 1.0.0
check_status 6 "where redis cannot follow the host does not" fleet_reload demo@7 echo@2.0.0 --soak 0
check_eventually "both are as before" both_say 1 1.0.0
check_eventually "and nothing else is recorded" fleet_cli check

# ---- the window: redis loses the module ----
check "a version is brought, with a window" fleet_reload demo@2 --soak 0 --rollback-window 30s
redis MODULE UNLOAD demo >/dev/null
check_eventually "its health is found wanting, and the node goes back" says 1
check_eventually "and says so" fleet_cli check
check_same before "what redis keeps is untouched" redis get kept
check "nothing went wrong for others meanwhile" load_end

# ---- the agent is killed while a verb runs ----
agrees() { # redis runs what the node says, and the node what it is to
    fleet_cli check >/dev/null && says "$(fleet_json '.rows[0].version' module status demo)"
}

no_set() { # no verb is run until something is reloaded: no window is open
    [ -z "$(ls "$FLEET/n1/data/exec")" ]
}

killed_at() { # killed_at VERB VERSION
    local status=0 reload
    fleet_until no_set || return
    fleet_kill agent-n1
    FLEET_CRASH=EXEC_$1 fleet_start_agent n1 || return
    fleet_until fleet_ready n1 || return
    fleet_reload "demo@$2" --soak 0 --rollback-window 0 >"$FLEET/log/reload" 2>&1 &
    reload=$!
    fleet_wait_end agent-n1 || return
    fleet_start_agent n1 || return
    wait "$reload" || status=$?
    echo "# killed at $1: the reload ended with $status"
    fleet_until agrees
}

build 5
build 6 -DREFUSES
for version in 5 6; do push "$version" >>"$FLEET/log/push" 2>&1; done
for verb in VALIDATE SNAPSHOT APPLY HEALTH; do
    check "killed at $verb it comes to what was decided" killed_at "$verb" 5
    says 1 || fleet_reload demo@1 --soak 0 --rollback-window 0 >>"$FLEET/log/reload" 2>&1
done
check "killed at REVERT, too" killed_at REVERT 6
check_same 1 "and that was going back" redis demo.version
check_eventually "nothing is left of all that" no_set
check "the audit trail is whole" fleet_cli audit verify
fleet_end
