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

readme_example() { # the C of README.md
    awk '/^```c$/ { on = 1; next } /^```/ { on = 0 } on' "$FLEET_ROOT/README.md" >"$FLEET/readme.c"
    [ -s "$FLEET/readme.c" ]
}

quietly() { # quietly COMMAND...: ends with 0 and says nothing
    local said
    fleet_hear said "$@" || return
    [ -z "$said" ] || echo "$said"
    [ -z "$said" ]
}

# An author's first command must not print anything, whichever compiler it is.
builds() { # builds COMPILER
    local cc=$1 examples=$FLEET_ROOT/deploy/modules tests=$FLEET_ROOT/tests/modules
    local cmark=(-Wl,-Bstatic -lcmark -Wl,-Bdynamic)
    build() { # build OPTION...
        CC=$cc quietly "$FLEET_BIN/lockstep-cc" -o "$FLEET/$cc.so" "$@" || return
        "$FLEET_BIN/lockstep-probe" --trial "$FLEET/$cc.so"
    }
    check "$cc: the README's module" build "$FLEET/readme.c"
    check "$cc: echo" build "$tests/echo.c"
    check "$cc: counter" build "$tests/counter.c"
    check "$cc: ratelimit" build "$examples/ratelimit/ratelimit.c" "$examples/ratelimit/buckets.c"
    check "$cc: markdown" build "$examples/markdown/markdown.c" "${cmark[@]}"
}

embeds() { # what the README says of a service that embeds the library
    local flags pc
    pc=$(dirname "$(find "$FLEET/usr" -name lockstep.pc)")
    flags=$(PKG_CONFIG_PATH=$pc pkg-config --cflags --libs lockstep) || return
    cat >"$FLEET/service.c" <<'END'
#include <lockstep/host.h>
#include <stdio.h>
int main(void)
{
    struct lockstep_host_options options = {.size = sizeof(options), .service = "mine"};
    struct lockstep_host *host = NULL;
    struct lockstep_answer answer;
    char why[256];
    if (lockstep_host_start(&options, &host, why, sizeof(why)) != 0) {
        puts(why);
        return 1;
    }
    if (lockstep_host_call(host, "echo.say", "", 0, &answer) != LOCKSTEP_CALL_NO_TOOL) {
        return 1;
    }
    lockstep_answer_deinit(&answer);
    return lockstep_host_stop(host) == NULL ? 0 : 1;
}
END
    # shellcheck disable=SC2086 # flags are words
    cc -Wall -Wextra -Werror -o "$FLEET/service" "$FLEET/service.c" $flags &&
        LD_LIBRARY_PATH=$(dirname "$pc") "$FLEET/service"
}

fleet_begin
check "it is installed" cmake --install "$(dirname "$FLEET_BIN")" --prefix "$FLEET/usr"
check "all of it" in_place bin/lockstep bin/lockstep-cc bin/lockstep-probe sbin/lockstepd sbin/lockstep-agent \
    libexec/lockstep/lockstep-host include/lockstep/host.h share/man/man1/lockstep.1
check "and no more" test -z "$(find "$FLEET/usr" -name '*-crash' -o -name '*_test')"
mkdir "$FLEET/bin"
ln -s "$FLEET"/usr/bin/* "$FLEET"/usr/sbin/* "$FLEET/bin"
FLEET_BIN=$FLEET/bin
check "the README has a module" readme_example
for compiler in gcc clang; do
    if command -v "$compiler" >"$FLEET/log/compiler"; then builds "$compiler"; fi
done
check "a service embeds the library by pkg-config" embeds
if command -v g++ >"$FLEET/log/compiler"; then
    for language in c++11 c++20; do
        check "a service in $language sees the headers" quietly \
            g++ -std=$language -Wall -Wextra -fsyntax-only -I "$FLEET/usr/include" \
            -include lockstep/host.h -include lockstep/client.h -x c++ /dev/null
    done
fi
check "a module is built" quietly "$FLEET_BIN/lockstep-cc" -o "$FLEET/echo.so" "$FLEET_ROOT/tests/modules/echo.c"
fleet_coordinator || fleet_fails "the coordinator is ready"
fleet_node n1 || fleet_fails "n1 is ready"
check "and pushed" fleet_push "$FLEET/echo.so"
check "and brought" fleet_reload echo@1.0.0 --install --soak 0
check "and called" fleet_tool n1 echo.say hello
fleet_end
