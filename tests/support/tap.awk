# Passes on the TAP lines of one program and judges how it ended.
# Variables: name of the program, exit status (124 and 137 are the time limit).
/^(not )?ok/ {
    seen++
    if ($0 ~ /^not ok/ && $0 !~ /# SKIP/)
        failed++
    sub(/ok( [0-9]+)?( -)?/, "& " name ":")
    print
}
/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
END {
    if (status == 124 || status == 137)
        print "not ok - " name ": did not end within its time"
    else if (status != 0 && !failed)
        print "not ok - " name ": ended with status " status
    else if (planned && plan > seen)
        print "not ok - " name ": " plan - seen " of " plan " tests did not run"
    else if (!seen)
        print "not ok - " name ": counted no test"
}
