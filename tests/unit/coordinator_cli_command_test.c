/* The whole command against a coordinator that is made of a listener and prepared answers. */
#include "tests/support/cli_world.h"

#include <signal.h>

#define ID "abcdefghijklmnopqrstuvwxya"
#define D1 "9f3c1a2e00000000000000000000000000000000000000000000000000000000"
#define D2 "e07ad91100000000000000000000000000000000000000000000000000000000"

#define PLAN(admitted, version, cluster)                                                          \
    "{\"schema\":\"lockstep/plan/v1\",\"operation\":\"" ID "\",\"kind\":\"reload\","              \
    "\"strategy\":\"sync_all\",\"on_failure\":\"rollback\",\"admitted\":" admitted                \
    ",\"arithmetic\":\"sync_all: 2 of 2 must vote yes\",\"index\":7,\"cluster\":\"" cluster "\"," \
    "\"roster\":\"" D2 "\",\"roster_size\":2,\"items\":[{\"module\":\"auth\",\"generation\":19,"  \
    "\"digest\":\"" D1 "\",\"version\":\"" version "\",\"leaving\":null}],\"parts\":[]}"
#define THEIRS ID

#define OPERATION(state, result, rest)                                                         \
    "{\"schema\":\"lockstep/operation/v1\",\"id\":\"" ID "\",\"kind\":\"reload\","             \
    "\"strategy\":\"sync_all\",\"state\":\"" state "\",\"result\":" result ",\"n\":2,"         \
    "\"who\":\"ana\",\"items\":[{\"module\":\"auth\",\"generation\":19,\"digest\":\"" D1 "\"," \
    "\"version\":\"2.4.2\",\"leaving\":null}]" rest "}"
#define PREPARING OPERATION("preparing", "null", ",\"counts\":{\"preparing\":2}")
#define SOAKING   OPERATION("soaking", "null", ",\"counts\":{\"soaking\":2,\"lost\":0}")
#define SUCCEEDED OPERATION("succeeded", "\"succeeded\"", "")
#define PARTIAL   OPERATION("succeeded-partial", "\"succeeded-partial\"", "")
#define ABORTED                                                                                  \
    OPERATION("aborted", "\"aborted\"",                                                          \
              ",\"cause\":{\"node\":\"n2\",\"phase\":\"preparing\",\"code\":\"SYMBOL\","         \
              "\"class\":\"node\",\"text\":\"ls_\\u001b[2Jtrace\"},\"parts\":[{\"node\":\"n1\"," \
              "\"state\":\"prepared\"},{\"node\":\"n2\",\"state\":\"refused\",\"code\":"         \
              "\"SYMBOL\",\"class\":\"node\",\"text\":\"ls_trace\"}],"                           \
              "\"next\":[\"lockstep node show n2\"]")

/* ---- one run -------------------------------------------------------------------------------- */

struct row {
    const char *name;
    const char *arguments; /* separated by spaces */
    struct fake_script scripts[5];
    int exit;
    const char *out; /* must be in what is printed; NULL: nothing is */
    const char *err; /* the same, of complaints */
};

#define MODULE   LOCKSTEP_BINARY_DIR "/modules/markdown-2.0.0.so"
#define PINNED   LOCKSTEP_BINARY_DIR "/modules/bad/denied-symbol.so"
#define RELEASE  "RELEASE-KEY" /* replaced by the path of one */
#define ARTIFACT "{\"schema\":\"lockstep/artifact/v1\",\"module\":\"auth\"}"
#define ARTIFACTS                                                                    \
    "{\"schema\":\"lockstep/artifacts/v1\",\"artifacts\":[{\"module\":\"markdown\"," \
    "\"counter\":52},{\"module\":\"auth\",\"counter\":99},{\"module\":\"markdown\"," \
    "\"counter\":51}]}"
#define EVENTS                                                                            \
    "{\"schema\":\"lockstep/events/"                                                      \
    "v1\",\"next\":9,\"events\":[{\"sequence\":8,\"unix_ms\":1000,\"what\":"              \
    "\"operation.OPEN\",\"who\":\"ana\",\"subject\":\"x\",\"operation\":\"op-abcdefgh\"," \
    "\"modules\":["                                                                       \
    "\"auth\"],\"text\":\"all\"}]}"
#define SHOW   LOCKSTEP_MESSAGE_SHOW
#define RELOAD "reload auth@2.4.2 --strategy sync_all --request-id " ID
#define ASKED                                                       \
    {SHOW, {"!2 there is no such operation"}, false},               \
    {                                                               \
        LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", OURS)}, false \
    }
#define OPENED                                      \
    ASKED,                                          \
    {                                               \
        LOCKSTEP_MESSAGE_SUBMIT, {PREPARING}, false \
    }
#define WATCHED(...)                                     \
    {                                                    \
        OPENED,                                          \
        {                                                \
            LOCKSTEP_MESSAGE_WATCH, {__VA_ARGS__}, false \
        }                                                \
    }

#define SUBMITTED(answer)                            \
    {                                                \
        ASKED,                                       \
        {                                            \
            LOCKSTEP_MESSAGE_SUBMIT, {answer}, false \
        }                                            \
    }

static const struct row rows[] = {
    {"shows", "op show " ID, {{SHOW, {SUCCEEDED}, false}}, 0, "op-abcdefgh succeeded", NULL},
    {"shows a failed one", "op show op-abcdefgh", {{SHOW, {ABORTED}, false}}, 0, "aborted", NULL},
    {"shows as JSON",
     "op show " ID " -o jsonl",
     {{SHOW, {SUCCEEDED}, false}},
     0,
     "\"schema\":\"lockstep/operation/v1\"",
     NULL},
    {"plan",
     "plan auth@2.4.2 --strategy sync_all --request-id " ID,
     {{LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", OURS)}, false}},
     0,
     "2 of 2 must",
     NULL},
    {"plan that is not admitted",
     "plan auth@2.4.2 --strategy sync_all --request-id " ID,
     {{LOCKSTEP_MESSAGE_PLAN, {PLAN("false", "2.4.2", OURS)}, false}},
     4,
     "would be refused",
     NULL},
    {"plan of what nobody says can go back",
     "plan auth@2.4.2 --strategy sync_all --require-rollback snapshot --request-id " ID,
     {{LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", OURS)}, false}},
     4,
     NULL,
     "at least snapshot is required"},
    {"reload of what nobody says can go back",
     RELOAD " --require-rollback journaled",
     {{SHOW, {"!2 none"}, false}, {LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", OURS)}, false}},
     4,
     NULL,
     "rollback unknown"},
    {"dry run",
     RELOAD " --dry-run",
     {{LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", OURS)}, false}},
     0,
     "would be admitted",
     NULL},
    {"reload", RELOAD, WATCHED(PREPARING, SOAKING, SUCCEEDED), 0,
     "op-abcdefgh preparing: preparing 2\nop-abcdefgh soaking: soaking 2\nop-abcdefgh succeeded: "
     "reload, sync_all, 2 nodes, by ana\n  auth 2.4.2 (generation 19, 9f3c1a2e)\n",
     NULL},
    {"reload, by digest",
     "reload auth@9f3c1a2e --strategy sync_all --extra for-up --request-id " ID, WATCHED(SUCCEEDED),
     0, "succeeded", NULL},
    {"partial", RELOAD, WATCHED(PARTIAL), 0, "succeeded-partial", NULL},
    {"partial, detailed", RELOAD " --detailed-exitcode", WATCHED(PARTIAL), 3, "partial", NULL},
    {"aborted", RELOAD, WATCHED(PREPARING, ABORTED), 6,
     "cause: n2, preparing: SYMBOL (node): ls_\\x1b[2Jtrace\n"
     "NODE  STATE     CODE    CLASS  TEXT\n"
     "n1    prepared  -       -      -\n"
     "n2    refused   SYMBOL  node   ls_trace\n"
     "next: lockstep node show n2\n",
     NULL},
    {"each change as JSON", RELOAD " -o jsonl", WATCHED(PREPARING, SUCCEEDED), 0, "preparing",
     NULL},
    {"quiet", RELOAD " -q", WATCHED(PREPARING, SUCCEEDED), 0, NULL, NULL},
    {"detached at once", RELOAD " -d", {OPENED}, 0, "lockstep op watch op-abcdefgh", NULL},
    {"open already",
     RELOAD,
     {{SHOW, {PREPARING}, false}, {LOCKSTEP_MESSAGE_WATCH, {SUCCEEDED}, false}},
     0,
     "succeeded",
     NULL},
    {"id of another operation",
     "reload auth@2.5.0 --strategy sync_all --request-id " ID,
     {{SHOW, {PREPARING}, false}},
     5,
     NULL,
     "it brings auth 2.4.2, not 2.5.0"},
    {"refused", RELOAD, SUBMITTED("!5 held by op-xyz"), 5, NULL,
     "lockstep: held by op-xyz (busy)\nnext: lockstep op ls\n"},
    {"an exit that is none", RELOAD, SUBMITTED("!0 odd"), 1, NULL, "odd"},
    {"a plan for another version",
     RELOAD,
     {{SHOW, {"!2 none"}, false}, {LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.0", OURS)}, false}},
     1,
     NULL,
     "is not signed: it brings auth 2.4.0, not 2.4.2"},
    {"a plan for another cluster",
     RELOAD,
     {{SHOW, {"!2 none"}, false}, {LOCKSTEP_MESSAGE_PLAN, {PLAN("true", "2.4.2", THEIRS)}, false}},
     1,
     NULL,
     "another cluster"},
    {"time-out",
     RELOAD " --timeout 2s",
     {OPENED, {LOCKSTEP_MESSAGE_WATCH, {PREPARING}, true}},
     124,
     "preparing",
     "the operation goes on; follow it: lockstep op watch op-abcdefgh\n"},
    {"lost", RELOAD, WATCHED(PREPARING, "."), 9, NULL, "op watch op-abcdefgh"},
    {"lost while it submits", RELOAD, SUBMITTED("."), 9, NULL,
     "it may have been opened: lockstep op watch op-abcdefgh"},
    {"failed while it is watched", RELOAD, WATCHED(PREPARING, "!1 no memory for an answer"), 1,
     NULL, "the operation goes on; follow it: lockstep op watch op-abcdefgh\n"},
    {"failed while it submits", RELOAD, SUBMITTED("!1 the journal failed"), 1, NULL,
     "it may have been opened: lockstep op watch op-abcdefgh"},
    {"a document that is none", "status", {{SHOW, {"[]"}, false}}, 1, NULL, "not understood"},
    {"check",
     "check",
     {{SHOW, {"{\"schema\":\"lockstep/check/v1\",\"consistent\":false}"}, false}},
     3,
     "MODULE",
     NULL},
    {"forbidden",
     "audit",
     {{LOCKSTEP_MESSAGE_AUDIT, {"!8 auditors only"}, false}},
     8,
     NULL,
     "auditors only"},
    {"audit",
     "audit verify",
     {{LOCKSTEP_MESSAGE_AUDIT,
       {"{\"schema\":\"lockstep/audit/v1\",\"verified\":false,\"last\":9,\"text\":\"row 4\"}"},
       false}},
     3,
     "the coordinator says that its audit trail is BROKEN",
     NULL},
    {"a loss is accepted",
     "op resume --accept-loss",
     {{LOCKSTEP_MESSAGE_RESUME,
       {"{\"schema\":\"lockstep/done/v1\",\"what\":\"resumed\",\"name\":\"fleet\","
        "\"text\":\"on\"}"},
       false}},
     0,
     "resumed",
     NULL},
    {"a node is trusted again",
     "node resume n4",
     {{LOCKSTEP_MESSAGE_RESUME, {"!4 node n4 is not held"}, false}},
     4,
     NULL,
     "node n4 is not held"},
    {"token",
     "token create --join n4 -l zone=a",
     {{LOCKSTEP_MESSAGE_TOKEN_CREATE,
       {"{\"schema\":\"lockstep/token/v1\",\"node\":\"n4\",\"token\":\"aaaa\",\"expires_unix_ms\":"
        "1000}"},
       false}},
     0,
     "\naaaa\n",
     NULL},
    {"token for a name that is taken",
     "token create --join n4",
     {{LOCKSTEP_MESSAGE_TOKEN_CREATE,
       {"{\"schema\":\"lockstep/token/v1\",\"node\":\"n4\",\"token\":\"aaaa\",\"expires_unix_ms\":"
        "1000,\"taken\":true}"},
       false}},
     0,
     "\naaaa\n",
     "next: lockstep node admit n4"},
    {"admit",
     "node admit n4 --key 0123ab -m x",
     {{LOCKSTEP_MESSAGE_NODE_ADMIT,
       {"{\"schema\":\"lockstep/done/v1\",\"what\":\"admitted\",\"name\":\"n4\",\"text\":\"key "
        "0123ab\"}"},
       false}},
     0,
     "admitted",
     NULL},
    {"admit nobody",
     "node admit n4 --refuse",
     {{LOCKSTEP_MESSAGE_NODE_ADMIT, {"!4 no key waits"}, false}},
     4,
     NULL,
     "no key waits"},
    {"events",
     "events auth",
     {{LOCKSTEP_MESSAGE_EVENTS, {EVENTS}, false}},
     0,
     "1970-01-01T00:00:01Z       8  operation.OPEN       op-abcdefgh  auth  all  (ana)\n",
     NULL},
    {"events, for scripts",
     "events -o tsv",
     {{LOCKSTEP_MESSAGE_EVENTS, {EVENTS}, false}},
     0,
     "8\t1970-01-01T00:00:01Z\toperation.OPEN\tx\tauth\tana\tall\n",
     NULL},
    {"revoke",
     "node revoke n4 -m x",
     {{LOCKSTEP_MESSAGE_NODE_REMOVE, {"!2 who"}, false}},
     2,
     NULL,
     "who"},
    {"tool of a node",
     "tool call render x --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"output_hex\":\"3c703e\"}"},
       false}},
     0,
     "<p>",
     NULL},
    {"tool of a node, base64",
     "tool call render x --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":\"PHA+\"}"},
       false}},
     0,
     "<p>",
     NULL},
    {"tool that says no",
     "tool call render x --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":false,\"text\":\"no ink\"}"},
       false}},
     6,
     NULL,
     "the tool says no: no ink"},
    {"tools of a node",
     "tool ls --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":"
        "\"YS54CWEJMS4wLjAJNwlpZGVtcG90ZW50CUNvdW50cwkyCmIueQliCTIuMC4wCTgJLQkK\"}"},
       false}},
     0,
     "TOOL  MODULE  VERSION  IDEMPOTENT  TEXT\n"
     "a.x   a       1.0.0    yes         Counts\\x092\n"
     "b.y   b       2.0.0    no          -\n",
     NULL},
    {"tools of a node, as JSON",
     "tool ls --node n1 -o json",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":"
        "\"YS54CWEJMS4wLjAJNwlpZGVtcG90ZW50CUNvdW50cwkyCmIueQliCTIuMC4wCTgJLQkK\"}"},
       false}},
     0,
     "\"lockstep/tools/v1\"",
     NULL},
    {"tools of a node, as it says them now",
     "tool ls --node n1 -o wide",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":\""
        "eyJ0b29sIjoiYS54IiwibW9kdWxlIjoiYSIsInZlcnNpb24iOiIxLjAuMCIs"
        "ImdlbmVyYXRpb24iOjcsImlkZW1wb3RlbnQiOnRydWUsInRleHQiOiJDb3Vu"
        "dHMiLCJzY2hlbWFfdGV4dCI6IntcInR5cGVcIjpcIm9iamVjdFwifSJ9Cnsi"
        "dG9vbCI6ImEueSIsIm1vZHVsZSI6ImEiLCJ2ZXJzaW9uIjoiMS4wLjAiLCJn"
        "ZW5lcmF0aW9uIjo3LCJpZGVtcG90ZW50IjpmYWxzZSwidGV4dCI6IiIsInNj"
        "aGVtYV90ZXh0Ijoibm8gSlNPTiJ9Cg=="
        "\"}"},
       false}},
     0,
     "TOOL  MODULE  VERSION  GENERATION  IDEMPOTENT  TEXT    INPUT\n"
     "a.x   a       1.0.0    7           yes         Counts  {\"type\":\"object\"}\n"
     "a.y   a       1.0.0    7           no          -       -\n",
     NULL},
    {"a page of tools that is none",
     "tool ls --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":\"e30K\"}"},
       false}},
     1,
     NULL,
     "the list is not understood"},
    {"a list of tools that is none",
     "tool ls --node n1",
     {{LOCKSTEP_MESSAGE_TOOL_CALL,
       {"{\"schema\":\"lockstep/tool-result/v1\",\"ok\":true,\"output_base64\":\"YQliCg==\"}"},
       false}},
     1,
     NULL,
     "the list is not understood"},
    {"no service here",
     "tool ls --socket /nowhere/x.sock",
     {{0}},
     9,
     NULL,
     "/nowhere/x.sock: no service answers there; name its socket with --socket PATH"},
    {"push",
     "artifact push " MODULE " --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}, {LOCKSTEP_MESSAGE_ARTIFACT_PUT, {ARTIFACT}, false}},
     0,
     "  auth\n",
     NULL},
    {"push with another counter",
     "artifact push " MODULE " --counter 9 --sign " RELEASE,
     {{LOCKSTEP_MESSAGE_ARTIFACT_PUT, {ARTIFACT}, false}},
     4,
     NULL,
     "not what the manifest names"},
    {"push of what is no module",
     "artifact push /etc/passwd --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     4,
     NULL,
     "the probe refuses it: BADFILE"},
    {"push of what waives a check",
     "artifact push " PINNED " --counter 53 --waive symbol-denied --sign " RELEASE,
     {{LOCKSTEP_MESSAGE_ARTIFACT_PUT, {ARTIFACT}, false}},
     0,
     "  auth\n",
     "waived: symbol-denied: it uses pthread_create"},
    {"push of what waives the wrong check",
     "artifact push " PINNED " --waive ifunc --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     4,
     NULL,
     "the probe refuses it: SYMBOL (symbol-denied)"},
    {"push of what waives a check that must pass",
     "artifact push " PINNED " --waive symbol-denied,abi --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "does not take what --waive says"},
    {"push of what waives a check twice",
     "artifact push " PINNED " --waive symbol-denied,symbol-denied --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "waiver"},
    {"push of any file",
     "artifact push /etc/passwd --driver exec --module web@1.2.0 --service nginx --counter 53 "
     "--sign " RELEASE,
     {{LOCKSTEP_MESSAGE_ARTIFACT_PUT, {ARTIFACT}, false}},
     0,
     "  auth\n",
     NULL},
    {"push of any file, and of what version?",
     "artifact push /etc/passwd --driver exec --module web --service nginx --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "--module MODULE@VERSION"},
    {"push of any file, and for whom?",
     "artifact push /etc/passwd --driver exec --module web@1 --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "--service NAME"},
    {"push of a module that is to be another",
     "artifact push " MODULE " --module web@1 --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "a module says itself what it is"},
    {"push unsigned",
     "artifact push " MODULE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "say --sign KEY"},
    {"reload of a file of another module",
     "reload auth@" MODULE " --strategy quorum --sign " RELEASE,
     {{SHOW, {ARTIFACTS}, false}},
     2,
     NULL,
     "holds the module markdown, not auth"},
};

/* One process a row: the command blocks signals and makes threads, as it does in life. */
static void check_row(void **state)
{
    const struct row *row = *state;
    struct world world;
    char url[LOCKSTEP_URL_MAX + 1] = "tcp://127.0.0.1:1";
    char text[512];
    char *argv[32] = {(char[]){"lockstep"}, (char[]){"-c"}, world.config};
    int argc;
    int status = 0;
    pid_t coordinator = 0;
    pid_t command;
    make_world(&world);
    if (row->scripts[0].type != 0) {
        coordinator = fake_coordinator_start(world.secret, OURS, row->scripts, url);
    }
    set_up(&world, url);
    (void)snprintf(text, sizeof(text), "%s", row->arguments);
    argc = 3 + split(text, argv + 3, 28);
    for (int i = 3; i < argc; i++) {
        argv[i] = strcmp(argv[i], RELEASE) == 0 ? world.release : argv[i];
    }
    command = fork();
    assert_true(command >= 0);
    if (command == 0) {
        (void)alarm(10);
        (void)setenv("LOCKSTEP_PROBE", LOCKSTEP_BINARY_DIR "/bin/lockstep-probe", 1);
        _exit(run_command(&world, argv, argc));
    }
    assert_int_equal(waitpid(command, &status, 0), command);
    if (coordinator != 0) {
        assert_int_equal(waitpid(coordinator, NULL, 0), coordinator);
    }
    expect("err", world.err, row->err);
    expect("out", world.out, row->out);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), row->exit);
    drop_world(&world);
}

/* Ctrl-C leaves the operation alone and says how to come back. */
static void detaches(void **state)
{
    static const struct fake_script scripts[] = {{LOCKSTEP_MESSAGE_WATCH, {PREPARING}, true}, {0}};
    struct world world;
    char url[LOCKSTEP_URL_MAX + 1] = "";
    char *argv[] = {(char[]){"lockstep"}, (char[]){"-c"},          world.config, (char[]){"op"},
                    (char[]){"watch"},    (char[]){"op-abcdefgh"}, NULL};
    int ends[2];
    int status = 0;
    char byte;
    pid_t coordinator;
    pid_t command;
    (void)state;
    make_world(&world);
    coordinator = fake_coordinator_start(world.secret, OURS, scripts, url);
    set_up(&world, url);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    command = fork();
    assert_true(command >= 0);
    if (command == 0) {
        FILE *out = fdopen(ends[1], "w");
        FILE *err = fopen(world.err, "w");
        int code;
        (void)alarm(10);
        code = lockstep_command_main(6, argv, out, err);
        (void)fclose(err);
        _exit(code);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &byte, 1), 1); /* it watches */
    assert_int_equal(kill(command, SIGINT), 0);
    assert_int_equal(waitpid(command, &status, 0), command);
    assert_int_equal(waitpid(coordinator, NULL, 0), coordinator);
    (void)close(ends[0]);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 130);
    expect("err", world.err,
           "lockstep: detached\nthe operation goes on; follow it: lockstep op "
           "watch op-abcdefgh\n");
    expect("err", world.err, "lockstep op abort op-abcdefgh\n");
    write_file(world.out, "");
    drop_world(&world);
}

/* On a terminal each change is drawn over the one before, and the end over the last. */
static void draws(void **state)
{
    static const struct fake_script scripts[] = {
        {LOCKSTEP_MESSAGE_WATCH, {PREPARING, SOAKING, SUCCEEDED}, false}, {0}};
    struct world world;
    char url[LOCKSTEP_URL_MAX + 1] = "";
    char *argv[] = {(char[]){"lockstep"}, (char[]){"-c"},    world.config,
                    (char[]){"op"},       (char[]){"watch"}, (char[]){"op-abcdefgh"}};
    char text[4096] = "";
    size_t length = 0;
    ssize_t got;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    pid_t coordinator;
    pid_t command;
    (void)state;
    make_world(&world);
    coordinator = fake_coordinator_start(world.secret, OURS, scripts, url);
    set_up(&world, url);
    assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    command = fork();
    assert_true(command >= 0);
    if (command == 0) {
        FILE *out = fopen(ptsname(master), "w");
        (void)alarm(10);
        (void)setenv("TERM", "xterm", 1);
        _exit(lockstep_command_main(6, argv, out, out));
    }
    assert_int_equal(waitpid(command, NULL, 0), command);
    assert_int_equal(waitpid(coordinator, NULL, 0), coordinator);
    assert_int_equal(fcntl(master, F_SETFL, O_NONBLOCK), 0);
    while ((got = read(master, text + length, sizeof(text) - 1 - length)) > 0) {
        length += (size_t)got;
    }
    (void)close(master);
    assert_non_null(strstr(text, "\033[?7lop-abcdefgh preparing: preparing 2"));
    assert_non_null(strstr(text, "\033[2A\033[J\033[?7lop-abcdefgh soaking"));
    assert_non_null(strstr(text, "\033[2A\033[Jop-abcdefgh \033[32msucceeded"));
    write_file(world.out, "");
    drop_world(&world);
}

static void is_unreachable(void **state)
{
    struct world world;
    char *argv[] = {(char[]){"lockstep"}, (char[]){"-c"}, world.config, (char[]){"status"}, NULL};
    int status = 0;
    pid_t command;
    (void)state;
    make_world(&world);
    set_up(&world, "tcp://127.0.0.1:1");
    command = fork();
    assert_true(command >= 0);
    if (command == 0) {
        (void)alarm(10);
        _exit(run_command(&world, argv, 4));
    }
    assert_int_equal(waitpid(command, &status, 0), command);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 9);
    expect("err", world.err, "cannot be reached");
    drop_world(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(detaches), cmocka_unit_test(draws),
                                       cmocka_unit_test(is_unreachable)};
    int failed = LOCKSTEP_RUN_TABLE("command", rows, check_row);
    return failed + cmocka_run_group_tests_name("ends", tests, NULL, NULL);
}
