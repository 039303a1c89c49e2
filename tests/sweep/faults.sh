# shellcheck shell=bash
# What fails, and how many times it could: a point is SCENARIO/PROGRAM/FAULT/CALL/K, the K-th call of
# that name that a thread of the program makes while the scenario's command is under way.
#
#   kill     the process is killed as it makes the call (strace's injection, needs no special build)
#   EIO, ENOSPC   the call fails with that; of the writes, only those into the program's files
#   ENOMEM   CALL is `allocation`: the K-th one of the process fails (tests/support/fail_alloc.c)

readonly SWEEP_PROGRAMS="agent lockstepd"
# Names that this machine's kernel does not have are passed over (strace's question mark).
readonly SWEEP_KILL="write pwrite64 writev ftruncate fallocate copy_file_range sendfile fsync fdatasync
    rename renameat renameat2 link linkat unlink unlinkat mkdir mkdirat sendmsg sendto"
readonly SWEEP_EIO="pwrite64 ftruncate copy_file_range sendfile fsync fdatasync rename renameat linkat
    unlink unlinkat"
readonly SWEEP_ENOSPC="pwrite64 ftruncate fallocate copy_file_range sendfile rename renameat linkat"
readonly SWEEP_OWN='^write[(][0-9]+<[^>]*/(coordinator|n2/data)/'

# may_trace: are we let? Some machines let nobody look into another process.
may_trace() {
    command -v strace >/dev/null || {
        echo "there is no strace"
        return 1
    }
    local sleeper status=0
    sleep 20 &
    sleeper=$!
    timeout 5 strace -qq -o /dev/null -e trace=none -e inject=?kill:error=EIO:when=1 -p "$sleeper" \
        >/dev/null 2>"$1" &
    local tracer=$!
    local turn
    for ((turn = 0; turn < 200; turn++)); do
        ! is_traced "$sleeper" || break
        kill -0 "$tracer" 2>/dev/null || break
        sleep 0.02
    done
    is_traced "$sleeper" || status=1
    kill "$sleeper" "$tracer" 2>/dev/null
    wait "$sleeper" "$tracer" 2>/dev/null
    [ "$status" -eq 0 ] || echo "no process may be traced here: $(head -n 1 "$1")"
    return "$status"
}

is_traced() { # is_traced PID: all its threads are
    ! grep -q -P '^TracerPid:\t0$' /proc/"$1"/task/*/status 2>/dev/null && [ -d "/proc/$1" ]
}

# attach PID OPTION…: strace on each thread of it, what it saw is in $FLEET/trace. $tracer is its process.
# Children are let alone. It may be dead before the last thread is traced: then it was hit early.
attach() {
    local threads
    threads=$(cd "/proc/$1/task" && echo *) || return
    strace -q -y -o "$FLEET/trace" -p "${threads// /,}" "${@:2}" 2>"$FLEET/log/strace" </dev/null 9>&- &
    tracer=$!
    until is_traced "$1"; do
        kill -0 "$tracer" 2>/dev/null || break
        nap
    done
}

# detach: strace lets go, and has written all that it saw.
detach() {
    kill -s INT "$tracer" 2>/dev/null
    wait "$tracer" 2>/dev/null
    tracer=
}

names_of() { # names_of CALL…: as strace takes them
    printf '?%s,' "$@" | sed 's/,$//'
}

# The two numbers of tests/support/fail_alloc.c: allocations so far, and which one fails.
write_allocations() { # write_allocations FILE K
    local byte bytes=
    for ((byte = 0; byte < 8; byte++)); do
        bytes+=$(printf '\\x%02x' $((($2 >> (8 * byte)) & 255)))
    done
    printf '\0\0\0\0\0\0\0\0%b' "$bytes" | dd of="$1" conv=notrunc status=none
}

read_allocations() { # read_allocations FILE
    od -A n -t u8 -N 8 "$1" | tr -d ' '
}

# count_calls: from $FLEET/trace, "CALL N" a line; N is the most that one thread made. And "stored K" for
# the writes that went into the program's own files: others (what it says, what wakes a thread) do not
# fail on a disk.
count_calls() {
    awk -v own="$SWEEP_OWN" '{
            thread = "only"
            if (match($0, /^[0-9]+ +/)) {
                thread = substr($0, 1, RLENGTH)
                $0 = substr($0, RLENGTH + 1)
            }
            if (match($0, /^[a-z_0-9]+\(/)) {
                name = substr($0, 1, RLENGTH - 1)
                if (++made[thread, name] > most[name])
                    most[name] = made[thread, name]
                if (name == "write" && $0 ~ own)
                    print "stored", made[thread, name]
            }
        }
        END { for (name in most) print name, most[name] }' "$FLEET/trace"
}

# points_of SCENARIO PROGRAM: from count_calls and the count of allocations on standard input, every
# point, one a line.
points_of() {
    awk -v at="$1/$2" -v kill="$SWEEP_KILL" -v eio="$SWEEP_EIO" -v enospc="$SWEEP_ENOSPC" '
        function all(fault, calls,    list, i, k) {
            split(calls, list)
            for (i = 1; i in list; i++)
                for (k = 1; k <= most[list[i]]; k++)
                    print at "/" fault "/" list[i] "/" k
        }
        $1 == "stored" {
            print at "/EIO/write/" $2
            print at "/ENOSPC/write/" $2
            next
        }
        { most[$1] = $2 }
        END {
            all("kill", kill)
            all("EIO", eio)
            all("ENOSPC", enospc)
            all("ENOMEM", "allocation")
        }'
}

# draw SEED N: N of the points on standard input: three of five are kills, one is a failed call, one a
# failed allocation, both programs get as many, and no call is left out as long as there is room.
draw() {
    awk -F / -v seed="$1" -v letters="$(printf '%s' {a..z} {A..Z} {0..9} _/)" '
        function mixed(text,    value, i) {
            value = seed % 2147483647 + 1
            for (i = 1; i <= length(text); i++)
                value = (value * 131 + index(letters, substr(text, i, 1))) % 2147483647
            for (i = 0; i < 5; i++)
                value = (value * 16807 + 12345) % 2147483647
            return value
        }
        { print $2 "/" ($3 == "kill" ? 1 : $3 == "ENOMEM" ? 3 : 2), $3 "/" $4, mixed($0), $0 }' \
        | sort -k 1,1 -k 2,2 -k 3,3n \
        | awk '{ turn[$1, $2]++; print turn[$1, $2], $0 }' \
        | sort -k 2,2 -k 1,1n -k 4,4n \
        | awk -v n="$2" '{
                split($2, class, "/")
                share = int(n * (class[2] == 1 ? 0.6 : 0.2) / 2 + 0.5)
                if (++drawn[$2] <= share)
                    print $5
            }'
}
