#!/usr/bin/env bash
# A real nginx on every node, driven by verbs: sites and a dynamic module, brought under load.
set -u
. "$(dirname "$0")/../support/fleet.sh"
FLEET_SETTINGS=${FLEET_SETTINGS/commit_deadline: 4s/commit_deadline: 6s} # nginx is busy, too

readonly module=/usr/lib/nginx/modules/ngx_http_echo_module.so
for tool in nginx curl; do
    if ! command -v "$tool" >/dev/null; then
        skip "nginx is driven by verbs" "there is no $tool; see deploy/packages.txt"
        fleet_end
    fi
done
if [ ! -e "$module" ]; then
    skip "nginx is driven by verbs" "there is no $module; see deploy/packages.txt"
    fleet_end
fi

# ---- an nginx of a node: its folder is its prefix ----

declare -A ports=()

free_port() { # a port that nobody listens at, and that the system gives to no connection
    local port low
    read -r low _ </proc/sys/net/ipv4/ip_local_port_range
    for ((port = low - 1 - RANDOM % 8000; port > 1024; port--)); do
        (exec {fd}<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
    done
    echo "$port"
}

nginx_prefix() { # nginx_prefix NODE
    echo "$FLEET/$1/nginx"
}

site() { # site TEXT [LINE...]: a site file; nginx.conf of each node has its port
    local text=$1 line
    shift
    printf 'server {\n    include listen.conf;\n'
    for line; do printf '    %s\n' "$line"; done
    printf "    location / { return 200 '%s\\\\n'; }\n}\n" "$text"
}

nginx_begin() { # nginx_begin NODE
    local prefix port
    prefix=$(nginx_prefix "$1") port=$(free_port)
    ports[$1]=$port
    mkdir -p "$prefix"/{load.d,site.d,modules}
    echo "listen 127.0.0.1:$port;" >"$prefix/listen.conf"
    mkdir -p "$FLEET/$1/run"
    cat >"$prefix/nginx.conf" <<END
include load.d/*.conf;
worker_processes 2;
pid nginx.pid;
error_log error.log notice;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;
    uwsgi_temp_path t4; scgi_temp_path t5;
    include site.d/*.conf;
}
END
    fleet_start "nginx-$1" . sh -c 'echo starts; exec nginx -p "$1" -c nginx.conf -e "$1/error.log" -g "daemon off;"' \
        nginx "$prefix"
}

nginx_crash() { # nginx_crash NODE: the workers, too, which a master that is killed leaves behind
    local master workers
    master=$(fleet_pid "nginx-$1")
    read -r -a workers <"/proc/$master/task/$master/children"
    fleet_kill "nginx-$1" KILL
    kill -s KILL "${workers[@]}"
}

nginx_yaml() { # nginx_yaml NODE: what agent.yaml says of it
    local verb
    printf '%s\n  exec_health_interval: 100ms\nservices:\n  - name: nginx\n    exec:\n' "$FLEET_SETTINGS"
    for verb in validate snapshot apply health revert; do
        printf '      %s: [%s, %s, %s, "http://127.0.0.1:%s/"]\n' "$verb" \
            "$FLEET_ROOT/deploy/exec/nginx/nginx-verb" "$verb" "$(nginx_prefix "$1")" "${ports[$1]}"
    done
}

push() { # push MODULE@VERSION FILE
    fleet_push "$2" --driver exec --module "$1" --service nginx
}

get() { # get NODE [PATH]
    curl -s --noproxy '*' --max-time 5 "http://127.0.0.1:${ports[$1]}/${2-}"
}

goes_back() {
    [[ $(fleet_operation_of reload .state) =~ rolling-back|rolled-back|failed-mixed ]]
}

both_say() { # both_say TEXT
    [ "$(get n1) $(get n2)" = "$1 $1" ]
}

# ---- load: a connection for every request, a few hundred a second; the processor is others' too ----

load_begin() {
    local node number
    for node in n1 n2; do
        for number in 1 2; do
            curl -s --noproxy '*' --max-time 5 --rate 100/s -H 'Connection: close' -w '%{http_code}\n' \
                "http://127.0.0.1:${ports[$node]}/?[1-1000000]" >"$FLEET/log/load-$node-$number" 2>&1 &
            fleet_pids[load-$node-$number]=$!
            disown "$!"
        done
    done
}

load_end() { # how many answers there were, and how many of them were none of a version, in $ASKED $FAILED
    local node number
    for node in n1 n2; do
        for number in 1 2; do
            fleet_kill "load-$node-$number" TERM
        done
    done
    cat "$FLEET"/log/load-* >"$FLEET/log/load"
    ASKED=$(grep -c '^[0-9][0-9]*$' "$FLEET/log/load")
    FAILED=$(grep -c -v -E '^(one|two|three|taken|200)$' "$FLEET/log/load")
    echo "# load: $ASKED answers, $FAILED that were none"
}

none_failed() {
    [ "$ASKED" -gt 100 ] && [ "$FAILED" = 0 ]
}

# ---- the fleet ----

fleet_begin
fleet_coordinator || fleet_fails "the coordinator is ready"
for node in n1 n2; do
    nginx_begin "$node" || fleet_fails "nginx of $node starts"
    fleet_node "$node" "$(nginx_yaml "$node")" || fleet_fails "$node is ready"
done

site one >"$FLEET/one.conf"
site two >"$FLEET/two.conf"
site three 'location /echo { echo "from the module"; }' >"$FLEET/three.conf"
site broken 'this is no directive;' >"$FLEET/broken.conf"
site sick >"$FLEET/sick.conf"
sed -i 's/return 200/return 500/' "$FLEET/sick.conf"
cp "$module" "$FLEET/echo-1.so"
cp "$module" "$FLEET/echo-2.so"
echo "another build" >>"$FLEET/echo-2.so" # behind the object: other bytes, the same code

check "a site is pushed" push web@1 "$FLEET/one.conf"
fleet_needs "and installed" fleet_install web@1
check "both answer" both_say one
check_same "exec exec" "module status says how it is driven" \
    fleet_json '[.rows[].driver] | join(" ")' module status web
check_same "$(md5sum <"$FLEET/one.conf" | cut -d ' ' -f 1)" "and which bytes" \
    fleet_json '.rows[0].md5' module status web

load_begin
for version in 2 1 2; do
    case $version in 1) text=one ;; 2) text=two ;; esac
    [ "$version" = 2 ] && push web@2 "$FLEET/two.conf" >"$FLEET/log/push" 2>&1
    check "version $version comes under load" fleet_reload "web@$version" --soak 0
    check "both answer with it" both_say "$text"
done

# ---- a module and a site that needs it, as one operation ----
for version in 1 2; do
    push "echo@$version" "$FLEET/echo-$version.so" >"$FLEET/log/push" 2>&1
done
push web@3 "$FLEET/three.conf" >"$FLEET/log/push" 2>&1
check_status 6 "a site without its module is refused" fleet_reload web@3 --soak 0
check_same VALIDATE "by nginx itself" fleet_operation .cause.code
# A node may not have heard yet that the one that the other refused is called off.
check_eventually "with its module it is taken" fleet_reload echo@1 web@3 --install --soak 0
check_same "from the module from the module" "which answers" echo "$(get n1 echo) $(get n2 echo)"
check "another build of the module comes" fleet_reload echo@2 --soak 0
check_same "from the module" "and answers" get n1 echo
check "only that is mapped by new workers" fleet_until grep -q "echo-$(md5sum <"$FLEET/echo-2.so" | cut -c 1-12)" \
    "/proc/$(cut -d ' ' -f 1 "/proc/$(fleet_pid nginx-n1)/task/$(fleet_pid nginx-n1)/children")/maps"
check "undo leads back to the build before" fleet_cli undo echo -y --soak 0
check_same "n1=1 n2=1" "on both" fleet_versions echo

# ---- what does not work ----
push web@4 "$FLEET/broken.conf" >"$FLEET/log/push" 2>&1
check_status 6 "a broken site is refused" fleet_reload web@4 --soak 0
check_says "unknown directive" "with nginx's own words" fleet_operation .cause.text

# Both want the same port: one of them gets it. A check that binds nothing does not see that.
site taken "listen 127.0.0.1:$(free_port);" >"$FLEET/taken.conf"
push web@5 "$FLEET/taken.conf" >"$FLEET/log/push" 2>&1
check_status 6 "what one of them cannot apply is taken back on both" fleet_reload web@5 --soak 0 --commit-deadline 3s
check_same rolled-back "it says so" fleet_operation_of reload .result
check "one had tried" grep -q "apply of web ended with 1.*could not bind" "$FLEET/log/agent-n1" "$FLEET/log/agent-n2"
check_eventually "both serve what they served" both_say three
check_same "n1=3 n2=3" "and say so" fleet_versions web
load_end
check "no request failed in all that" none_failed

push web@6 "$FLEET/sick.conf" >"$FLEET/log/push" 2>&1
check_status 6 "a site that is not well is taken back" fleet_reload web@6 --soak 0 --commit-deadline 2s
check "because of its health" grep -q "health of web ended with 1" "$FLEET/log/agent-n1"
check_eventually "both serve what they served" both_say three

# ---- the service dies in the window, or is away ----
check "a version is brought, with a window" fleet_reload web@2 --soak 0 --rollback-window 30s
nginx_crash n1
check_eventually "its health is found wanting" grep -q "health of web .*nginx does not run" "$FLEET/log/agent-n1"
check_eventually "and the fleet goes back" goes_back
check "the audit trail is whole" fleet_cli audit verify
fleet_end
