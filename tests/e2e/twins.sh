#!/usr/bin/env bash
# Two files with one MD5 and different content are two versions to everybody who keeps or moves them.
# The pair is Wang and Yu's of 2004. It begins a file, where ELF has its head, so it cannot be loaded,
# and the command's own look at a module has to be deceived; nobody else's is.
set -u
. "$(dirname "$0")/../support/fleet.sh"

collision=d131dd02c5e6eec4693d9a0698aff95c2fcab58712467eab4004583eb8fb7f89\
55ad340609f4b30283e488832571415a085125e8f7cdc99fd91dbdf280373c5b\
d8823e3156348f5bae6dacd436c919c6dd53e2b487da03fd02396306d248cda0\
e99f33420f577ee8ce54b67080a80d1ec69821bcb6a8839396f9652b6ff72a70

# write_twin FILE NUMBER...: the pair's bytes, with the highest bit of those bytes turned over
write_twin() {
    local file=$1 hex=$collision at digits
    for at in "${@:2}"; do
        digits=${hex:2*at:2}
        hex=${hex:0:2*at}$(printf '%02x' $((0x$digits ^ 0x80)))${hex:2*at+2}
    done
    # shellcheck disable=SC2059 # the bytes are the format
    printf "$(sed 's/../\\x&/g' <<<"$hex")" >"$file"
    cat "$FLEET_WRONG/good.so" >>"$file" # what follows keeps the sums equal
}

sum_of() { # sum_of NAME
    md5sum <"$FLEET/$1.so"
}

md5_of() { # md5_of VERSION
    fleet_json .md5 artifact show "good@$1"
}

fleet_of 2
fleet_needs "a good module is pushed" fleet_push "$FLEET_WRONG/good.so"
fleet_needs "and installed" fleet_install good@1.0.0
write_twin "$FLEET/one.so"
write_twin "$FLEET/other.so" 19 45 59 83 109 123
check_same "$(sum_of one)" "the files have one MD5" sum_of other
check_status 1 "and are different" cmp -s "$FLEET/one.so" "$FLEET/other.so"
check "one is pushed" fleet_push_lying "$FLEET/one.so" 2.0.0
check_status 5 "the other is not the same version" fleet_push_lying "$FLEET/other.so" 2.0.0
check_says '2\.0\.0 is there already with other bytes' "and it is said so" \
    fleet_push_lying "$FLEET/other.so" 2.0.0
check "it is another one" fleet_push_lying "$FLEET/other.so" 3.0.0
check_same "$(md5_of 2.0.0)" "with the same MD5" md5_of 3.0.0
check_same 2 "and another digest" \
    fleet_json '[.artifacts[] | select(.version != "1.0.0") | .digest] | unique | length' artifact ls good
check "one is quarantined" fleet_cli artifact quarantine good@2.0.0
check_status 4 "it is refused before a node is asked" fleet_reload good@2.0.0 --soak 0
check_status 6 "the other one is not, and comes to the nodes, who see that it is no module" \
    fleet_reload good@3.0.0 --soak 0
check_same "aborted BADFILE" "by its code" fleet_operation '"\(.result) \(.cause.code)"'
check_same "n1=1.0.0 n2=1.0.0" "nobody changed" fleet_versions good
check "the audit trail is whole" fleet_cli audit verify
fleet_end
