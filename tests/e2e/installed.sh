#!/usr/bin/env bash
# What `cmake --install` puts down is enough: programs find each other, modules are built and brought.
set -u
. "$(dirname "$0")/../support/fleet.sh"

in_place() { # in_place PATH...: below the prefix
    local path
    for path in "$@"; do
        [ -e "$FLEET/usr/$path" ] || echo "$path is missing"
        [ -e "$FLEET/usr/$path" ] || return
    done
}

fleet_begin
check "it is installed" cmake --install "$(dirname "$FLEET_BIN")" --prefix "$FLEET/usr"
check "all of it" in_place bin/lockstep bin/lockstep-cc bin/lockstep-probe sbin/lockstepd sbin/lockstep-agent \
    libexec/lockstep/lockstep-host include/lockstep/host.h share/man/man1/lockstep.1
check "and no more" test -z "$(find "$FLEET/usr" -name '*-crash' -o -name '*_test')"
mkdir "$FLEET/bin"
ln -s "$FLEET"/usr/bin/* "$FLEET"/usr/sbin/* "$FLEET/bin"
FLEET_BIN=$FLEET/bin
check "a module is built" "$FLEET_BIN/lockstep-cc" -o "$FLEET/echo.so" "$FLEET_ROOT/tests/modules/echo.c"
check "and tried out" "$FLEET_BIN/lockstep-probe" --trial "$FLEET/echo.so"
fleet_coordinator || fleet_fails "the coordinator is ready"
fleet_node n1 || fleet_fails "n1 is ready"
check "and pushed" fleet_push "$FLEET/echo.so"
check "and brought" fleet_reload echo@1.0.0 --install --soak 0
check "and called" fleet_tool n1 echo.say hello
fleet_end
