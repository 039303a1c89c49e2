# Reads `ctest -V` whose tests are cmocka programs that print TAP, and prints one TAP line a test.
# A program that ends badly without a "not ok" of its own (a crash, a sanitizer, a time limit), or
# before its plan was met, counts as one failure more.
/^ *Start +[0-9]+: / {
    id = $2 + 0
    name[id] = $3
    next
}
/^[0-9]+: (not )?ok/ {
    id = $1 + 0
    line = $0
    sub(/^[0-9]+: /, "", line)
    seen[id]++
    if (line ~ /^not ok/ && line !~ /# SKIP/)
        failed[id]++
    sub(/ok( [0-9]+)?( -)?/, "& " name[id] ":", line)
    print line
    next
}
/^[0-9]+: 1\.\.[0-9]+/ {
    id = $1 + 0
    plan[id] += substr($2, 4) + 0
    next
}
/Test +#[0-9]+: / {
    match($0, /#[0-9]+/)
    id = substr($0, RSTART + 1, RLENGTH - 1) + 0
    if ($0 !~ / Passed /) {
        if (!failed[id])
            print "not ok - " name[id] ": " substr($0, index($0, "***"))
    } else if (plan[id] > seen[id]) {
        print "not ok - " name[id] ": " plan[id] - seen[id] " of " plan[id] " tests did not run"
    } else if (!seen[id]) {
        print "ok - " name[id]
    }
}
