#include "coordinator/cli/command_options.h"

#include "common/tbl/defaults.h"

#define ROW(name, letter, kind, argument, help, field)                      \
    {                                                                       \
        (name), (letter), LOCKSTEP_OPTION_##kind, (argument), (help), NULL, \
            LOCKSTEP_OPTION_AT(struct lockstep_flags, field), 0, 0          \
    }
#define CHOICE(name, letter, help, field, choices)                         \
    {                                                                      \
        (name), (letter), LOCKSTEP_OPTION_TEXT, "WORD", (help), (choices), \
            LOCKSTEP_OPTION_AT(struct lockstep_flags, field), 0, 0         \
    }
#define BOUND(name, kind, argument, help, field, smallest, largest)                 \
    {                                                                               \
        (name), '\0', LOCKSTEP_OPTION_##kind, (argument), (help), NULL,             \
            LOCKSTEP_OPTION_AT(struct lockstep_flags, field), (smallest), (largest) \
    }

#define QUARANTINE_ROW                                                                 \
    ROW("no-quarantine", '\0', FLAG, NULL, "do not quarantine the version being left", \
        no_quarantine)

/* What reload and undo have in common. */
#define CHANGE_ROWS                                                                                \
    BOUND("soak", DURATION, "D", "time a node must stay healthy", soak, 0, LOCKSTEP_DAY),          \
        CHOICE("drain", '\0', "hold calls while the set is exchanged", drain,                      \
               "auto|always|never"),                                                               \
        BOUND("drain-timeout", DURATION, "D", "time for calls in flight to end", drain_timeout, 1, \
              LOCKSTEP_HOUR),                                                                      \
        BOUND("commit-deadline", DURATION, "D", "from COMMIT to read-back", commit_deadline, 10,   \
              LOCKSTEP_DAY),                                                                       \
        BOUND("rollback-window", DURATION, "D", "how long the version before stays mapped",        \
              rollback_window, 0, LOCKSTEP_DAY),                                                   \
        BOUND("deadline", DURATION, "D", "time of the whole operation", deadline, 10,              \
              30 * LOCKSTEP_DAY),                                                                  \
        BOUND("check-index", COUNT, "N", "refuse if the plan's index is another", check_index, 1,  \
              0),                                                                                  \
        ROW("force", '\0', FLAG, NULL, "not served by this version", force),                       \
        ROW("extra", '\0', TEXT, "TEXT", "handed to the modules' up and down", extra)

const struct lockstep_option lockstep_options_global[LOCKSTEP_OPTIONS_GLOBAL] = {
    ROW("config", 'c', TEXT, "FILE", "configuration to read", config),
    ROW("coordinator", '\0', TEXT, "URL", "coordinator to talk to", coordinator),
    ROW("selector", 'l', TEXT, "SELECTOR", "nodes with these labels: env=prod,zone in (a,b)",
        selector),
    ROW("node", '\0', LIST, "NAME", "these nodes", nodes),
    CHOICE("output", 'o', "how to print", output, LOCKSTEP_FORMAT_CHOICES),
    ROW("message", 'm', TEXT, "TEXT", "why, for history and audit", message),
    ROW("dry-run", '\0', FLAG, NULL, "show the plan and do nothing", dry_run),
    ROW("detach", 'd', FLAG, NULL, "do not wait for the result", detach),
    BOUND("timeout", DURATION, "D", "time to wait; the operation goes on", timeout, 1,
          30 * LOCKSTEP_DAY),
    ROW("request-id", '\0', TEXT, "ID", "the operation's id: asking twice opens it once",
        request_id),
    ROW("yes", 'y', FLAG, NULL, "do not ask", yes),
    ROW("quiet", 'q', FLAG, NULL, "print failures only", quiet),
    ROW("verbose", 'v', FLAG, NULL, "print more", verbose),
    CHOICE("color", '\0', "colours", color, "auto|always|never"),
    ROW("detailed-exitcode", '\0', FLAG, NULL,
        "exit 3 when nodes are owed or skipped, or versions differ", detailed_exitcode),
    ROW("help", 'h', FLAG, NULL, "print this", help),
    ROW("version", '\0', FLAG, NULL, "print the version", version),
};

const struct lockstep_option lockstep_options_reload[LOCKSTEP_OPTIONS_RELOAD] = {
    CHOICE("strategy", '\0', "which nodes must take it", strategy, "sync_all|quorum|local"),
    ROW("quorum", '\0', SHARE, "N|P%", "more than the majority", quorum),
    ROW("offline", '\0', TEXT, "fail|wait[:D]|skip", "what to do about absent nodes", offline),
    ROW("max-fail", '\0', SHARE, "N|P%", "failures that are tolerated", max_fail),
    CHOICE("require-rollback", '\0', "refuse what could not go back at least like this",
           require_rollback, "lossless|journaled|snapshot"),
    ROW("require-calls", '\0', COUNT, "N", "calls of the new code on each node, or it goes back",
        require_calls),
    CHOICE("on-failure", '\0', "when nodes fail after commit", on_failure, "rollback|hold"),
    ROW("queue", '\0', FLAG, NULL, "not served by this version", queue),
    BOUND("pin", DURATION, "D", "life of a local pin", pin, LOCKSTEP_SECOND, 365 * LOCKSTEP_DAY),
    ROW("install", '\0', FLAG, NULL, "also where the module is not yet", install),
    ROW("again", '\0', FLAG, NULL, "reload bytes that are live", again),
    ROW("no-smoke", '\0', FLAG, NULL, "leave smoke tests out", no_smoke),
    ROW("sign", '\0', TEXT, "KEY", "file of the release key, for MODULE@./file.so", sign),
    CHANGE_ROWS,
};

const struct lockstep_option lockstep_options_undo[LOCKSTEP_OPTIONS_UNDO] = {
    ROW("to", '\0', TEXT, "REVISION|DIGEST", "not served by this version", to),
    QUARANTINE_ROW,
    CHANGE_ROWS,
};

const struct lockstep_option lockstep_options_reconcile[LOCKSTEP_OPTIONS_RECONCILE] = {
    ROW("to", '\0', TEXT, "VERSION|DIGEST", "what to move them to; else what the majority runs",
        to),
    CHOICE("rule", '\0', "majority: whatever is recorded", rule, "auto|majority"),
    ROW("max-changes", '\0', SHARE, "N|P%", "nodes that are moved at most", max_changes),
    CHOICE("mode", '\0', "what is done from now on without being asked; moves nobody now", mode,
           "off|observe|auto"),
    BOUND("for", DURATION, "D", "how long auto is good; else 30 days", life, LOCKSTEP_SECOND,
          365 * LOCKSTEP_DAY),
    CHANGE_ROWS,
};

const struct lockstep_option lockstep_options_resume[LOCKSTEP_OPTIONS_RESUME] = {
    ROW("accept-loss", '\0', FLAG, NULL, "who is silent is lost, and not the coordinator",
        accept_loss),
};

const struct lockstep_option lockstep_options_list[LOCKSTEP_OPTIONS_LIST] = {
    BOUND("limit", COUNT, "N", "rows, the newest ones", limit, 1, UINT32_MAX),
};

const struct lockstep_option lockstep_options_check[LOCKSTEP_OPTIONS_CHECK] = {
    ROW("reachable", '\0', FLAG, NULL, "leave out who is away, and say so", reachable),
};

const struct lockstep_option lockstep_options_events[LOCKSTEP_OPTIONS_EVENTS] = {
    ROW("follow", 'f', FLAG, NULL, "go on with what happens, until Ctrl-C", follow),
    BOUND("since", DURATION, "D", "from so long ago on", since, 1, 365 * LOCKSTEP_DAY),
    BOUND("from", COUNT, "N", "from this number on", from, 1, 0),
    BOUND("limit", COUNT, "N", "the newest ones; else 100, or all that --since, --from ask for",
          limit, 1, UINT32_MAX),
};

const struct lockstep_option lockstep_options_pin[LOCKSTEP_OPTIONS_PIN] = {
    BOUND("for", DURATION, "D", "life of the pin; else a day", life, LOCKSTEP_SECOND,
          365 * LOCKSTEP_DAY),
    BOUND("soak", DURATION, "D", "time it must stay healthy on what it is brought", soak, 0,
          LOCKSTEP_DAY),
};

const struct lockstep_option lockstep_options_purge[LOCKSTEP_OPTIONS_PURGE] = {
    ROW("hard", '\0', FLAG, NULL, "do not wait, and take what was linked to run code when it goes",
        hard),
    BOUND("drain-timeout", DURATION, "D", "time for calls in flight to end", drain_timeout, 1,
          LOCKSTEP_HOUR),
};

const struct lockstep_option lockstep_options_admit[LOCKSTEP_OPTIONS_ADMIT] = {
    ROW("refuse", '\0', FLAG, NULL, "forget the key that waits, and what brought it", refuse),
    ROW("key", '\0', TEXT, "DIGITS", "only if the key that waits begins like this", key),
};

const struct lockstep_option lockstep_options_drain[LOCKSTEP_OPTIONS_DRAIN] = {
    ROW("refuse", '\0', FLAG, NULL, "refuse calls meanwhile; else they wait", refuse),
    BOUND("drain-timeout", DURATION, "D", "time for calls in flight to end; then it is open again",
          drain_timeout, 1, 10 * LOCKSTEP_MINUTE),
};

const struct lockstep_option lockstep_options_push[LOCKSTEP_OPTIONS_PUSH] = {
    ROW("sign", '\0', TEXT, "KEY", "file of the release key", sign),
    BOUND("counter", COUNT, "N", "the release counter; else one more than the highest", counter, 1,
          0),
    ROW("source", '\0', TEXT, "TEXT", "where it was built from", source),
    ROW("abi-check", '\0', FLAG, NULL, "compare its types with the version before (abidiff)",
        abi_check),
    ROW("waive", '\0', TEXT, "CHECK[,CHECK]", "checks that it need not pass; it is pinned, then",
        waive),
    CHOICE("driver", '\0', "how it comes to be live; else in-place", driver, "in-place|swap|exec"),
    ROW("module", '\0', TEXT, "MODULE@VERSION", "what the file is, with --driver exec", module),
    ROW("service", '\0', TEXT, "NAME", "whose it is, with --driver exec", service),
};

const struct lockstep_option lockstep_options_token[LOCKSTEP_OPTIONS_TOKEN] = {
    ROW("join", '\0', TEXT, "NODE", "name of the node", join),
    BOUND("ttl", DURATION, "D", "life of the token", ttl, LOCKSTEP_SECOND, LOCKSTEP_DAY),
};

const struct lockstep_option lockstep_options_key[LOCKSTEP_OPTIONS_KEY] = {
    ROW("name", '\0', TEXT, "NAME", "whose key it is", name),
    ROW("release", '\0', FLAG, NULL, "a release key, in minisign's format", release),
};

const struct lockstep_option lockstep_options_tool[LOCKSTEP_OPTIONS_TOOL] = {
    ROW("socket", '\0', TEXT, "PATH", "socket of a service on this machine", socket),
};
