#!/usr/bin/env bash
# What is refused, by whom and with which exit code: at push, and by one node's vote. Nobody changes.
set -u
. "$(dirname "$0")/../support/fleet.sh"

# refused_by_vote WHAT SUBJECT CODE
refused_by_vote() {
    check_status 6 "$1 is voted down" fleet_reload "$2" --soak 0
    check_same "aborted $3" "with $3" fleet_operation '"\(.result) \(.cause.code)"'
    check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "and every node is where it was" fleet_versions good
}

# refused_at_push WHAT REGEX FILE
refused_at_push() {
    check_status 4 "$1 is refused at push" fleet_push "$3"
    check_says "$2" "and it is said why" fleet_push "$3"
}

fleet_of 3
fleet_needs "a good module is pushed" fleet_push "$FLEET_WRONG/good.so"
fleet_needs "and installed" fleet_install good@1.0.0
fleet_needs "callers have answers" fleet_callers good.call n1 n2 n3

# ---- at push ----
artifacts=$(fleet_json '.artifacts | length' artifact ls)
truncate -s 0 "$FLEET/empty.so"
head -c 5000 "$FLEET_WRONG/load.so" >"$FLEET/truncated.so"
cp "$FLEET_ROOT/README.md" "$FLEET/text.so"
{ cat "$FLEET_WRONG/good.so" && echo; } >"$FLEET/longer.so"
check_status 2 "an empty file is refused at push" fleet_push "$FLEET/empty.so"
check_status 2 "a file that is not there, too" fleet_push "$FLEET/nowhere.so"
refused_at_push "a truncated file" 'truncated|ends|short|beyond|outside|behind' "$FLEET/truncated.so"
refused_at_push "a text" 'ELF' "$FLEET/text.so"
refused_at_push "a file without a descriptor" 'LOCKSTEP_MODULE' "$FLEET_WRONG/no-descriptor.so"
refused_at_push "another ABI" 'ABI' "$FLEET_WRONG/abi.so"
refused_at_push "a missing symbol" 'lockstep_no_such_function' "$FLEET_WRONG/symbol.so"
refused_at_push "a hidden constructor" 'runs while it is loaded' "$FLEET_WRONG/constructor-hidden.so"
check_status 5 "the same version with other bytes is a conflict" fleet_push "$FLEET_WRONG/other-bytes.so"
check_says '1\.0\.0 is there already with other bytes' "and it is said so" \
    fleet_push "$FLEET_WRONG/other-bytes.so"
check "the same bytes again are fine" fleet_push "$FLEET_WRONG/good.so"
check_status 5 "but not as another version" fleet_push_lying "$FLEET_WRONG/good.so" 9.9.9
check_status 5 "nor under another counter" fleet_push "$FLEET_WRONG/good.so" --counter 99
check_same "1.0.0 1" "what was signed of them stays" \
    fleet_json '"\(.version) \(.counter)"' artifact show good@1.0.0
check_says 'verified here: good@1.0.0, counter 1,' "and is verified" fleet_cli artifact verify good@1.0.0
"$FLEET_BIN/lockstep" key generate --release "$FLEET/stranger.key" >"$FLEET/stranger.pub"
check_status 4 "a stranger's signature is refused at push" \
    fleet_cli artifact push "$FLEET_WRONG/load.so" --sign "$FLEET/stranger.key"
check_says 'trust|sign' "and it is said why" \
    fleet_cli artifact push "$FLEET_WRONG/load.so" --sign "$FLEET/stranger.key"
check_status 2 "without a signature nothing is pushed" fleet_cli artifact push "$FLEET_WRONG/load.so"
check_same "$artifacts" "none of them is kept" fleet_json '.artifacts | length' artifact ls

# ---- by vote ----
# The command's own look at the file is deceived, the probes of the nodes are not.
while read -r file version code what; do
    check "$what is signed and pushed unseen" fleet_push_lying "$file" "$version"
    refused_by_vote "$what" "good@$version" "$code"
done <<EOF
$FLEET_WRONG/abi.so 2.0.1 ABI another ABI
$FLEET_WRONG/symbol.so 2.0.2 SYMBOL a missing symbol
$FLEET_WRONG/constructor-hidden.so 2.0.4 CTOR_NOT_ALLOWED a hidden constructor
$FLEET_WRONG/no-descriptor.so 2.0.10 NO_DESCRIPTOR a file without a descriptor
$FLEET/text.so 2.1.0 BADFILE a text
$FLEET/truncated.so 2.1.1 BADFILE a truncated file
$FLEET/longer.so 7.7.7 WRONG_MODULE a file of another version than its manifest's
EOF
while read -r name version code what; do
    check "$what is pushed" fleet_push "$FLEET_WRONG/$name.so"
    refused_by_vote "$what" "good@$version" "$code"
done <<EOF
constructor 2.0.3 PROBE_CRASHED a declared constructor that crashes
smoke-crashes 2.0.6 PROBE_CRASHED a smoke test that crashes
load 2.0.7 LOAD a module that refuses to be loaded
load-crashes 2.0.8 PROBE_CRASHED a module that crashes while it is loaded
needs-absent 2.0.9 DEPENDENCY a module that needs an absent one
smoke 2.0.5 SMOKE a smoke test that fails
EOF
check_says 'two and two is 5' "the smoke test's words are told" fleet_operation .cause.text

# One node of three has a configuration that the module does not take.
fleet_needs "echo is pushed" fleet_modules echo-1 echo-2
fleet_needs "and installed" fleet_install echo@1.0.0
printf refuse >"$FLEET/n2/modules/echo.conf"
check_status 6 "one node refuses" fleet_reload echo@2.0.0 --soak 0
check_same "n2 LOAD" "it is named, with its code" fleet_operation '"\(.cause.node) \(.cause.code)"'
check_same "n1=1.0.0 n2=1.0.0 n3=1.0.0" "nobody changed" fleet_versions echo
rm "$FLEET/n2/modules/echo.conf"
check "when it no longer does, the same version is taken" fleet_reload echo@2.0.0 --soak 0

# A version that is quarantined.
check "a version is quarantined" fleet_cli artifact quarantine echo@1.0.0
check_status 4 "then it is refused before a node is asked" fleet_reload echo@1.0.0 --soak 0
check "the quarantine is lifted" fleet_cli artifact unquarantine echo@1.0.0
check "and it is taken again" fleet_reload echo@1.0.0 --soak 0
check_calls "no call was lost or failed in all of that" n1 n2 n3
check_eventually "the fleet is consistent" fleet_cli check
check "the audit trail is whole" fleet_cli audit verify
fleet_end
