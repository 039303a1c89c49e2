/* What the command answers by itself: help, and slips, which are found before anything is sent. */
#include "common/base/cleanup.h"
#include "coordinator/cli/command.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

struct row {
    const char *name;
    const char *arguments; /* separated by spaces */
    int exit;
    const char *out; /* must be in what is printed; NULL: nothing is */
    const char *err; /* the same, of complaints */
};

#define ID     "abcdefghijklmnopqrstuvwxya"
#define RELOAD "reload auth@2.4.2 --strategy sync_all --request-id " ID

static const struct row rows[] = {
    {"no strategy", "reload auth@1", 2, NULL, "--strategy sync_all, quorum or local"},
    {"local without a node", "reload auth@1 --strategy local", 2, NULL, "--node NAME"},
    {"twice", "reload auth@1 auth@2 --strategy quorum", 2, NULL, "auth is named twice"},
    {"no such option", "reload auth@1 --stategy quorum", 2, NULL, "--strategy"},
    {"no such command", "reloda auth@1", 2, NULL, "did you mean reload?"},
    {"no such word", "op shwo x", 2, NULL, "did you mean op show?"},
    {"too many versions", "diff auth 1 2 3", 2, NULL, "\"3\" is one word too many"},
    {"a module to compare", "diff", 2, NULL, "diff wants MODULE"},
    {"a pin to no version", "node pin n1 auth", 2, NULL, "auth"},
    {"a pin for no time", "node pin n1 auth@1 --for 0s", 2, NULL, "--for"},
    {"a pin on no node", "node pin auth@1", 2, NULL, "node pin wants NODE MODULE@VERSION"},
    {"a pin on what is no node", "node pin N! auth@1", 2, NULL, "N! is no name"},
    {"no more pin of a version", "node unpin n1 auth@1", 2, NULL, "unpin takes MODULE"},
    {"too few", "node show", 2, NULL, "node show wants NODE"},
    {"too many", "node show a b", 2, NULL, "\"b\" is one word too many"},
    {"selector", "status -l a=", 2, NULL, "goes wrong at character 3"},
    {"offline", RELOAD " --offline wiat", 2, NULL, "fail, wait, wait:5m, skip"},
    {"request id", "undo auth --request-id 5", 2, NULL, "26 characters"},
    {"label", "token create --join n4 -l zone", 2, NULL, "env=prod"},
    {"revoke what", "token revoke", 2, NULL, "token revoke wants NODE|ID"},
    {"cordon what", "node cordon", 2, NULL, "node cordon wants NODE"},
    {"a name that is none", "node cordon N/1", 2, NULL, "is no name"},
    {"purge what", "module purge", 2, NULL, "module purge wants MODULE"},
    {"purge what is no module", "module purge web@1", 2, NULL, "purge takes MODULE"},
    {"hard elsewhere", "module status --hard", 2, NULL, "--hard"},
    {"nearly purge", "module purg web", 2, NULL, "did you mean module purge?"},
    {"ping what", "node ping", 2, NULL, "node ping wants NODE"},
    {"revoke without a reason", "node revoke n1", 2, NULL, "why?"},
    {"admit what", "node admit", 2, NULL, "node admit wants NODE"},
    {"admit two", "node admit n1 n2", 2, NULL, "\"n2\" is one word too many"},
    {"admit what is no name", "node admit N/1", 2, NULL, "is no name"},
    {"admit a key that is none", "node admit n1 --key web", 2, NULL, "--key takes"},
    {"admit no key", "node admit n1 --key=", 2, NULL, "--key takes"},
    {"refuse elsewhere", "node revoke n1 -m x --refuse", 2, NULL, "--refuse"},
    {"nearly admit", "node admti n1", 2, NULL, "did you mean node admit?"},
    {"nearly a word", "node revok n1", 2, NULL, "did you mean node revoke?"},
    {"help of a group", "op --help", 0, "usage: lockstep op COMMAND", NULL},
    {"help, as a word", "help op show", 0, "usage: lockstep op show OP", NULL},
    {"help, as a word alone", "help", 0, "usage: lockstep [options] COMMAND", NULL},
    {"a group alone", "op", 2, NULL, "  op abort OP"},
    {"what is gone on with", "op resume", 2, NULL, "say --accept-loss"},
    {"help", "op show --help", 0, "usage: lockstep op show OP", NULL},
    {"a dry run of what has none", "op abort " ID " --dry-run", 2, NULL, "nothing was done"},
    {"queue", RELOAD " --queue", 2, NULL, "--queue is not served"},
    {"force", RELOAD " --force", 2, NULL, "--force is not served"},
    {"force back", "undo auth --force", 2, NULL, "--force is not served"},
    {"undo to", "undo auth --to 2.4.1", 2, NULL, "--to is not served"},
    {"undo and soak", "undo auth --soak 1s", 2, NULL, "--soak is not for undo"},
    {"undo and window", "undo auth --rollback-window 1s", 2, NULL,
     "--rollback-window is not for undo"},
    {"reconcile all to one", "reconcile --to 1.0.0", 2, NULL, "--to is for one MODULE"},
    {"reconcile twice", "reconcile auth --to 1.0.0 --rule auto", 2, NULL, "--rule says how"},
    {"reconcile nobody", "reconcile auth --max-changes 0", 2, NULL, "--max-changes is at least 1"},
    {"reconcile by what", "reconcile auth --rule plurality", 2, NULL, "auto|majority"},
    {"reconcile a version", "reconcile auth@1.0.0", 2, NULL, "reconcile takes MODULE"},
    {"reconcile under one id", "reconcile auth pay --request-id " ID, 2, NULL,
     "--request-id is for one MODULE"},
    {"what mode", "reconcile --mode on", 2, NULL, "off|observe|auto"},
    {"a mode of one", "reconcile auth --mode off", 2, NULL, "go with --mode auto"},
    {"a mode that follows", "reconcile --mode auto --to 1", 2, NULL, "auto follows the majority"},
    {"a mode of a node", "reconcile --mode auto --node n1", 2, NULL, "for the whole fleet"},
    {"a mode of so many", "reconcile --mode auto --max-changes 3", 2, NULL, "is a percentage"},
    {"a mode that soaks", "reconcile --mode auto --soak 5s", 2, NULL, "goes with an operation"},
    {"a mode with no soak", "reconcile --mode auto --soak 0", 2, NULL, "goes with an operation"},
    {"a mode in the background", "reconcile --mode off -d", 2, NULL, "--detach goes with"},
    {"a mode with an id", "reconcile --mode off --request-id " ID, 2, NULL, "--request-id goes"},
    {"a mode at an index", "reconcile --mode auto --check-index 4", 2, NULL, "--check-index goes"},
    {"a mode with words", "reconcile --mode auto --extra x", 2, NULL, "--extra goes with"},
    {"a mode by force", "reconcile --mode auto --force", 2, NULL, "--force goes with"},
    {"a mode that drains", "reconcile --mode auto --drain always", 2, NULL, "--drain goes with"},
    {"a mode until when", "reconcile --mode auto --deadline 1h", 2, NULL, "--deadline goes with"},
    {"for how long", "reconcile auth --for 1d", 2, NULL, "--for goes with --mode auto"},
    {"calls that are none", RELOAD " --require-calls many", 2, NULL, "--require-calls"},
    {"calls of an undo", "undo auth --require-calls 3", 2, NULL, "--require-calls"},
    {"a quorum of all", RELOAD " --quorum 2", 2, NULL, "--quorum goes with --strategy quorum"},
    {"failures of all", RELOAD " --max-fail 1", 2, NULL, "--max-fail goes with --strategy quorum"},
    {"another class", RELOAD " --require-rollback perfect", 2, NULL, "--require-rollback"},
    {"a pin on all", RELOAD " --pin 1h", 2, NULL, "--pin goes with --strategy local"},
    {"a quorum that skips", "reload auth@2.4.2 --strategy quorum --offline skip", 2, NULL,
     "--offline does not go with --strategy quorum"},
    {"a quorum that fails", "reload auth@2.4.2 --strategy quorum --offline fail", 2, NULL,
     "--offline does not go with --strategy quorum"},
    {"one that is skipped", "reload auth@2.4.2 --strategy local --node n1 --offline skip", 2, NULL,
     "--offline skip leaves nobody"},
};

static void expect(const char *what, const char *text, const char *part)
{
    if (part == NULL ? text[0] != '\0' : strstr(text, part) == NULL) {
        fail_msg("%s is\n%s\nand not\n%s", what, text, part == NULL ? "" : part);
    }
}

static void check(void **state)
{
    const struct row *row = *state;
    LOCKSTEP_FREE char *said = NULL;
    LOCKSTEP_FREE char *complained = NULL;
    size_t sizes[2] = {0};
    FILE *out = open_memstream(&said, &sizes[0]);
    FILE *err = open_memstream(&complained, &sizes[1]);
    char text[512];
    char *rest = NULL;
    /* A configuration that is not there: whoever reads it has gone too far. */
    char *argv[32] = {(char[]){"lockstep"}, (char[]){"-c"}, (char[]){"/nowhere/config.yaml"}};
    int argc = 3;
    assert_non_null(out);
    assert_non_null(err);
    (void)snprintf(text, sizeof(text), "%s", row->arguments);
    for (char *word = strtok_r(text, " ", &rest); word != NULL && argc < 31;
         word = strtok_r(NULL, " ", &rest)) {
        argv[argc++] = word;
    }
    assert_int_equal(lockstep_command_main(argc, argv, out, err), row->exit);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(fclose(err), 0);
    expect("err", complained, row->err);
    expect("out", said, row->out);
}

int main(void)
{
    return LOCKSTEP_RUN_TABLE("usage", rows, check) == 0 ? 0 : 1;
}
