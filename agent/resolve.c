#include "agent/resolve.h"

#include "agent/store.h"
#include "common/io/loop.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LIST_SIZE 256

/* What is in doubt here, and which of it is meant. */
struct search {
    const char *prefix; /* of an id; NULL: none is meant */
    unsigned found;
    bool decided; /* by hand, before */
    struct lockstep_id id;
    char list[LIST_SIZE]; /* for people: "op-abcdefgh (auth render), …" */
};

static void look(void *context, const struct lockstep_id *id, const char *modules,
                 const char *reason)
{
    struct search *search = context;
    char text[LOCKSTEP_ID_TEXT];
    size_t used = strlen(search->list);
    lockstep_id_format(id, text);
    if (used < sizeof(search->list)) {
        (void)snprintf(search->list + used, sizeof(search->list) - used, "%sop-%.8s (%s)",
                       used == 0 ? "" : ", ", text, modules);
    }
    if (search->prefix != NULL && strncmp(text, search->prefix, strlen(search->prefix)) == 0) {
        search->found++;
        search->id = *id;
        search->decided = reason[0] != '\0';
    }
}

static enum lockstep_err check_words(const struct lockstep_resolve *resolve,
                                     const struct search *search, struct lockstep_error *err)
{
    const char *list = search->list[0] == '\0' ? "nothing is" : search->list;
    if (resolve->operation == NULL || resolve->outcome == NULL ||
        (strcmp(resolve->outcome, "commit") != 0 && strcmp(resolve->outcome, "abort") != 0)) {
        return LOCKSTEP_FAIL(
            err, INVALID, "resolve wants OPERATION and commit or abort; in doubt here: %s", list);
    }
    if (strlen(search->prefix) < 6 || search->found != 1) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "'%.60s' is not in doubt on this node; in doubt here: %s",
                             resolve->operation, list);
    }
    if (search->decided) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "'%.60s' was decided by hand already; start the agent, which carries "
                             "that out",
                             resolve->operation);
    }
    if (resolve->reason == NULL || resolve->reason[0] == '\0' ||
        strlen(resolve->reason) > LOCKSTEP_TEXT_MAX) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "say why: --reason TEXT, of at most %d bytes; it is told to the "
                             "coordinator, and audited",
                             LOCKSTEP_TEXT_MAX);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err decide(struct lockstep_agent_store *store,
                                const struct lockstep_resolve *resolve, struct lockstep_error *err)
{
    const char *named = resolve->operation;
    struct search search = {.prefix = named != NULL && strncmp(named, "op-", 3) == 0 ? named + 3
                                                                                     : named};
    struct lockstep_agent_resolution resolution = {.uid = getuid(), .unix_ms = lockstep_unix_ms()};
    char text[LOCKSTEP_ID_TEXT];
    LOCKSTEP_TRY(lockstep_agent_store_doubts(store, look, &search, err));
    LOCKSTEP_TRY(check_words(resolve, &search, err));
    resolution.operation = search.id;
    resolution.commit = strcmp(resolve->outcome, "commit") == 0;
    (void)snprintf(resolution.reason, sizeof(resolution.reason), "%s", resolve->reason);
    LOCKSTEP_TRY(lockstep_agent_store_resolve(store, &resolution, err));
    lockstep_id_format(&search.id, text);
    printf("op-%.8s is to %s on this node; start the agent, which carries it out and tells the "
           "coordinator when there is one\n",
           text, resolve->outcome);
    return LOCKSTEP_OK;
}

enum lockstep_err lockstep_agent_resolve(const struct lockstep_config_agent *config,
                                         const struct lockstep_resolve *resolve,
                                         struct lockstep_error *err)
{
    struct lockstep_agent_store *store = NULL;
    enum lockstep_err result;
    char journal[4096];
    (void)snprintf(journal, sizeof(journal), "%s/journal.db", config->data);
    if (access(journal, F_OK) != 0) {
        return LOCKSTEP_FAIL(err, INVALID, "there is no journal %s", journal);
    }
    result = lockstep_agent_store_open(config->data, &store, err);
    if (result == LOCKSTEP_CONFLICT) {
        return LOCKSTEP_FAIL(err, CONFLICT,
                             "%s is in use: the agent runs. First stop it (its hosts go on "
                             "serving), then resolve, then start it again",
                             config->data);
    }
    if (result == LOCKSTEP_OK) {
        result = decide(store, resolve, err);
    }
    (void)lockstep_agent_store_close(store);
    return result;
}
