#include "agent/mcp/sources.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define WATCH_MS      60000 /* in one go */
#define AGAIN_MS      100   /* first pause before who is away is asked again */
#define AGAIN_LAST_MS 2000
#define LISTS_MAX     10 /* in a row that change under the reader */

#define NEVER_READ 0U /* instead of a revision */
#define AWAY       1U

struct source {
    struct lockstep_mcp_sources *sources;
    struct lockstep_client *watcher; /* the thread's */
    _Atomic(uint64_t) shown;         /* the revision of the list that was shown last */
    _Atomic(uint64_t) told;          /* the one that its host has told of */
    atomic_bool seen;                /* it has answered once */
    pthread_t thread;
};

struct lockstep_mcp_sources {
    struct lockstep_mcp_sources_config config;
    int stop; /* eventfd */
    _Atomic(uint64_t) changes;
    size_t started;
    struct source all[LOCKSTEP_MCP_SOURCES_MAX];
};

/* ---- changes -------------------------------------------------------------------------------- */

/* What the socket has now is told if it is not what was shown. */
static void compare(struct source *source, uint64_t now)
{
    uint64_t shown = atomic_load(&source->shown);
    if (atomic_exchange(&source->told, now) == now) {
        return;
    }
    (void)atomic_fetch_add(&source->sources->changes, 1);
    if (shown != NEVER_READ && shown != now) {
        source->sources->config.changed(source->sources->config.context);
    }
}

/* The list of that revision is about to be shown. If its host has told of a later one meanwhile,
 * who is shown it must hear of that again. Revisions of one host rise in their lower half. */
static void show(struct source *source, uint64_t revision)
{
    uint64_t told;
    atomic_store(&source->shown, revision);
    told = atomic_load(&source->told);
    if (told >> 32 == revision >> 32 && told > revision) {
        source->sources->config.changed(source->sources->config.context);
    }
}

/* Waits for FD (may be -1) or the end. True: it is the end. */
static bool wait_for(const struct source *source, int fd, int ms)
{
    struct pollfd pollers[] = {{.fd = source->sources->stop, .events = POLLIN},
                               {.fd = fd, .events = POLLIN}};
    (void)poll(pollers, 2, ms);
    return pollers[0].revents != 0;
}

static void *watch(void *argument)
{
    struct source *source = argument;
    int pause_ms = AGAIN_MS;
    bool over = false;
    while (!over) {
        uint64_t now = AWAY;
        if (lockstep_client_watch(source->watcher, atomic_load(&source->told), 0, &now) ==
            LOCKSTEP_CALL_OK) {
            compare(source, now);
            pause_ms = AGAIN_MS;
            over = wait_for(source, lockstep_client_watch_fd(source->watcher), WATCH_MS);
        } else {
            compare(source, AWAY);
            over = wait_for(source, -1, pause_ms);
            pause_ms = pause_ms * 2 < AGAIN_LAST_MS ? pause_ms * 2 : AGAIN_LAST_MS;
        }
    }
    return NULL;
}

uint64_t lockstep_mcp_sources_stamp(struct lockstep_mcp_sources *sources)
{
    return atomic_load(&sources->changes);
}

/* ---- making --------------------------------------------------------------------------------- */

static struct lockstep_client *new_client(const struct lockstep_mcp_sources *sources, size_t i)
{
    struct lockstep_client_options options = {.size = sizeof(options),
                                              .timeout_ms = sources->config.timeout_ms};
    return lockstep_client_new(sources->config.paths[i], &options);
}

/* Signals are the main thread's. */
static bool start(struct lockstep_mcp_sources *sources)
{
    sigset_t all;
    sigset_t before;
    bool well = sources->stop >= 0;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    for (size_t i = 0; well && i < sources->config.count; i++) {
        struct source *source = &sources->all[i];
        source->sources = sources;
        source->watcher = new_client(sources, i);
        well = source->watcher != NULL && pthread_create(&source->thread, NULL, watch, source) == 0;
        sources->started += well ? 1 : 0;
    }
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return well;
}

struct lockstep_mcp_sources *
lockstep_mcp_sources_new(const struct lockstep_mcp_sources_config *config)
{
    struct lockstep_mcp_sources *sources = calloc(1, sizeof(*sources));
    if (sources == NULL) {
        return NULL;
    }
    sources->config = *config;
    sources->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return start(sources) ? sources : lockstep_mcp_sources_free(sources);
}

struct lockstep_mcp_sources *lockstep_mcp_sources_free(struct lockstep_mcp_sources *sources)
{
    const uint64_t one = 1;
    if (sources == NULL) {
        return NULL;
    }
    (void)!write(sources->stop, &one, sizeof(one));
    for (size_t i = 0; i < sources->started; i++) {
        (void)pthread_join(sources->all[i].thread, NULL);
    }
    for (size_t i = 0; i < sources->config.count; i++) {
        (void)lockstep_client_free(sources->all[i].watcher);
    }
    if (sources->stop >= 0) {
        (void)close(sources->stop);
    }
    free(sources);
    return NULL;
}

bool lockstep_mcp_clients_init(const struct lockstep_mcp_sources *sources,
                               struct lockstep_mcp_clients *clients)
{
    bool well = true;
    memset(clients, 0, sizeof(*clients));
    for (size_t i = 0; i < sources->config.count; i++) {
        clients->clients[i] = new_client(sources, i);
        well = well && clients->clients[i] != NULL;
    }
    return well;
}

void lockstep_mcp_clients_deinit(struct lockstep_mcp_clients *clients)
{
    for (size_t i = 0; i < LOCKSTEP_MCP_SOURCES_MAX; i++) {
        clients->clients[i] = lockstep_client_free(clients->clients[i]);
    }
}

/* ---- lists ---------------------------------------------------------------------------------- */

static bool add(struct lockstep_mcp_list *list, const char *line, size_t size, size_t source)
{
    struct lockstep_mcp_tool tool;
    struct lockstep_mcp_tool *bigger;
    if (list->count == LOCKSTEP_MCP_TOOLS_MAX || !lockstep_mcp_tool_read(line, size, &tool)) {
        return true; /* what makes no sense is left out */
    }
    tool.source = source;
    if ((list->count & (list->count - 1)) == 0) { /* room is a power of two */
        bigger = realloc(list->tools, (list->count == 0 ? 1 : 2 * list->count) * sizeof(tool));
        if (bigger == NULL) {
            lockstep_mcp_tool_deinit(&tool);
            return false;
        }
        list->tools = bigger;
    }
    list->tools[list->count++] = tool;
    return true;
}

static bool add_page(struct lockstep_mcp_list *list, const struct lockstep_answer *page,
                     size_t source)
{
    const char *line = (const char *)page->bytes;
    const char *end = line + page->size;
    bool well = true;
    while (well && line < end) {
        const char *stop = memchr(line, '\n', (size_t)(end - line));
        size_t size = (size_t)((stop == NULL ? end : stop) - line);
        well = size == 0 || add(list, line, size, source);
        line += size + 1;
    }
    return well;
}

static void cut(struct lockstep_mcp_list *list, size_t count)
{
    while (list->count > count) {
        lockstep_mcp_tool_deinit(&list->tools[--list->count]);
    }
}

/* Adds what one socket has, of one revision: AWAY if it has none, or changes all the time. */
static bool read_source(struct lockstep_client *client, size_t source,
                        struct lockstep_mcp_list *list, uint64_t *ret_revision)
{
    size_t before = list->count;
    char after[LOCKSTEP_MODULE_TEXT] = "";
    bool well = true;
    uint64_t revision = NEVER_READ;
    for (size_t lists = 0; lists < LISTS_MAX;) {
        struct lockstep_answer page;
        enum lockstep_call_result result = lockstep_client_tools(client, after, &page);
        if (result == LOCKSTEP_CALL_OK && after[0] != '\0' && page.generation != revision) {
            after[0] = '\0';
            lists++;
            cut(list, before);
            lockstep_answer_deinit(&page);
            continue;
        }
        well = result != LOCKSTEP_CALL_OK || add_page(list, &page, source);
        revision = page.generation;
        memcpy(after, page.version, sizeof(after));
        lockstep_answer_deinit(&page);
        if (result == LOCKSTEP_CALL_OK && well && after[0] != '\0') {
            continue;
        }
        *ret_revision = result == LOCKSTEP_CALL_OK ? revision : AWAY;
        return well;
    }
    *ret_revision = AWAY;
    return well;
}

static int by_name(const void *a, const void *b)
{
    const struct lockstep_mcp_tool *left = a;
    const struct lockstep_mcp_tool *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->source > right->source) - (left->source < right->source);
}

/* Of two of one name, the one at the first socket counts. */
static void drop_twins(struct lockstep_mcp_list *list)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (kept > 0 && strcmp(list->tools[kept - 1].name, list->tools[i].name) == 0) {
            lockstep_mcp_tool_deinit(&list->tools[i]);
        } else {
            list->tools[kept++] = list->tools[i];
        }
    }
    list->count = kept;
}

bool lockstep_mcp_sources_read(struct lockstep_mcp_sources *sources,
                               struct lockstep_mcp_clients *clients, bool shown,
                               struct lockstep_mcp_list *ret_list)
{
    *ret_list = (struct lockstep_mcp_list){0};
    for (size_t i = 0; i < sources->config.count; i++) {
        uint64_t revision = AWAY;
        if (!read_source(clients->clients[i], i, ret_list, &revision)) {
            lockstep_mcp_list_deinit(ret_list);
            return false;
        }
        if (revision != AWAY) {
            atomic_store(&sources->all[i].seen, true);
        } else if (atomic_load(&sources->all[i].seen)) {
            ret_list->away = true;
        }
        if (shown) {
            show(&sources->all[i], revision);
        }
    }
    if (ret_list->count > 0) {
        qsort(ret_list->tools, ret_list->count, sizeof(ret_list->tools[0]), by_name);
    }
    drop_twins(ret_list);
    return true;
}

void lockstep_mcp_list_deinit(struct lockstep_mcp_list *list)
{
    cut(list, 0);
    free(list->tools);
    *list = (struct lockstep_mcp_list){0};
}

const struct lockstep_mcp_tool *lockstep_mcp_list_find(const struct lockstep_mcp_list *list,
                                                       const char *name)
{
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->tools[i].name, name) == 0 || strcmp(list->tools[i].tool, name) == 0) {
            return &list->tools[i];
        }
    }
    return NULL;
}
