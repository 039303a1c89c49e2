#include "agent/checkup.h"

#include "agent/core/health.h"
#include "agent/exchange.h"
#include "agent/exec_run.h"
#include "agent/host/tool_wire.h"
#include "common/base/assert.h"
#include "common/io/http_url.h"
#include "common/io/log.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OUTPUT_MAX  1024 /* bytes of a command's output that are kept */
#define KILL_MS     500
#define REQUEST_MAX 1024 /* bytes: a text of a configuration is no longer */

struct checkup {
    struct lockstep_checkups *owner;
    const struct lockstep_config_health *config;
    uint8_t service;
    struct lockstep_health health;
    struct lockstep_timer timer; /* of the next look */
    struct lockstep_exchange exchange;
    struct lockstep_exec_run run;
    const char **argv; /* owned, NULL-terminated; the texts are not */
};

struct lockstep_checkups {
    struct lockstep_loop *loop;
    struct lockstep_checkups_config config;
    size_t count;
    struct checkup list[];
};

/* ---- what came of it ------------------------------------------------------------------------ */

/* Texts go over the wire and into logs: what is not printable is not said. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (char)(*text == '\n' || *text == '\t'   ? ' '
                       : *text < ' ' || *text >= '\x7f' ? '?'
                                                        : *text);
    }
}

static void look_later(struct checkup *checkup)
{
    lockstep_timer_arm(
        checkup->owner->loop, &checkup->timer,
        lockstep_time_after(lockstep_loop_now(checkup->owner->loop), checkup->config->interval_ms));
}

/* What an operator has shut does not answer, and that is what was wanted. */
static bool is_shut(const struct checkup *checkup)
{
    const struct lockstep_checkups_config *config = &checkup->owner->config;
    const struct lockstep_name *module = &checkup->config->module;
    return config->is_shut != NULL && config->is_shut(config->context, checkup->service,
                                                      module->text[0] == '\0' ? NULL : module);
}

/* WHY is NULL if all is well. */
static void judge(struct checkup *checkup, const char *why)
{
    struct lockstep_checkups *owner = checkup->owner;
    const struct lockstep_config_health *config = checkup->config;
    uint32_t before = checkup->health.row;
    char text[LOCKSTEP_TEXT_MAX + 1];
    bool found = lockstep_health_end(&checkup->health, lockstep_loop_now(owner->loop), why == NULL,
                                     config->failures);
    look_later(checkup);
    if (why == NULL) {
        if (before >= config->failures) {
            lockstep_log(LOCKSTEP_LEVEL_INFO, "health", "check %s is good again",
                         config->name.text);
        }
        return;
    }
    (void)snprintf(text, sizeof(text), "check %s: %.150s, %u times in a row", config->name.text,
                   why, checkup->health.row);
    clean(text);
    if (before + 1 == config->failures) {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "health", "%s", text);
    }
    if (found) {
        const struct lockstep_finding finding = {
            .service = checkup->service,
            .module = config->module.text[0] == '\0' ? NULL : &config->module,
            .no = LOCKSTEP_NO_HEALTH,
            .text = text,
            .since = checkup->health.since,
            .begun = checkup->health.begun};
        owner->config.found(owner->config.context, &finding);
    }
}

static void ended(struct checkup *checkup, const char *why)
{
    if (why != NULL && is_shut(checkup)) {
        lockstep_health_reset(&checkup->health);
        look_later(checkup);
    } else {
        judge(checkup, why);
    }
}

/* ---- tools ---------------------------------------------------------------------------------- */

static bool tool_enough(const uint8_t *bytes, size_t size)
{
    return size >= LOCKSTEP_TOOL_HEAD && size - LOCKSTEP_TOOL_HEAD >= lockstep_tool_length(bytes);
}

static void tool_done(void *context, const struct lockstep_exchange_result *result)
{
    struct checkup *checkup = context;
    const char *expect = checkup->config->expect;
    struct lockstep_answer answer = {0};
    enum lockstep_call_result called;
    char why[LOCKSTEP_TEXT_MAX + 1];
    if (result->why != NULL) {
        ended(checkup, result->why);
        return;
    }
    called = lockstep_tool_answer_parse(result->bytes + LOCKSTEP_TOOL_HEAD,
                                        lockstep_tool_length(result->bytes), &answer);
    if (called == LOCKSTEP_CALL_OK) {
        bool good = expect == NULL ||
                    (answer.bytes != NULL &&
                     memmem(answer.bytes, answer.size, expect, strlen(expect)) != NULL);
        (void)snprintf(
            why, sizeof(why), "%s answers '%.80s', without '%.40s'", checkup->config->tool,
            answer.bytes == NULL ? "" : (const char *)answer.bytes, expect == NULL ? "" : expect);
        ended(checkup, good ? NULL : why);
    } else {
        const char *text = lockstep_tool_result_text(called);
        (void)snprintf(why, sizeof(why), "%s: %.120s", checkup->config->tool,
                       text[0] == '\0' && answer.bytes != NULL ? (const char *)answer.bytes : text);
        ended(checkup, why);
    }
    free(answer.bytes);
}

static void look_at_tool(struct checkup *checkup)
{
    const struct lockstep_config_health *config = checkup->config;
    const struct lockstep_config_agent *agent = checkup->owner->config.config;
    const char *request = config->request == NULL ? "" : config->request;
    size_t size = strlen(request);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    uint8_t bytes[128 + REQUEST_MAX];
    size_t head = lockstep_tool_request_head(LOCKSTEP_TOOL_KIND_CALL, config->tool, size, bytes);
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/tools/%s.sock", agent->run,
                   checkup->owner->config.core->services[checkup->service].name.text);
    memcpy(bytes + head, request, size);
    lockstep_exchange_start(&checkup->exchange, (const struct sockaddr *)&address, sizeof(address),
                            bytes, head + size, config->timeout_ms);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static bool page_enough(const uint8_t *bytes, size_t size)
{
    return lockstep_http_status((const char *)bytes, size) != 0;
}

static void page_done(void *context, const struct lockstep_exchange_result *result)
{
    struct checkup *checkup = context;
    const struct lockstep_config_health *config = checkup->config;
    char why[LOCKSTEP_TEXT_MAX + 1];
    int status;
    bool good;
    if (result->why != NULL) {
        (void)snprintf(why, sizeof(why), "%.120s: %s", config->http, result->why);
        ended(checkup, why);
        return;
    }
    status = lockstep_http_status((const char *)result->bytes, result->size);
    good = config->status == 0 ? status >= 200 && status <= 299 : status == (int)config->status;
    (void)snprintf(why, sizeof(why),
                   status < 0 ? "%.120s: it does not speak HTTP/1" : "%.120s: status %d",
                   config->http, status);
    ended(checkup, good ? NULL : why);
}

static void look_at_page(struct checkup *checkup)
{
    struct lockstep_http_url url = {0};
    struct sockaddr_in four = {.sin_family = AF_INET};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    char request[LOCKSTEP_HTTP_PATH_MAX + LOCKSTEP_HTTP_HOST_MAX + 128];
    int size;
    bool parsed = lockstep_http_url_parse(checkup->config->http, &url);
    ASSERT(parsed); /* the configuration was taken */
    (void)parsed;
    size = snprintf(request, sizeof(request),
                    "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: lockstep-agent\r\n"
                    "Connection: close\r\n\r\n",
                    url.path, url.host);
    four.sin_port = htons(url.port);
    four.sin_addr.s_addr = htonl(url.address);
    six.sin6_port = htons(url.port);
    lockstep_exchange_start(
        &checkup->exchange,
        url.six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four,
        url.six ? sizeof(six) : sizeof(four), request, (size_t)size, checkup->config->timeout_ms);
}

/* ---- commands ------------------------------------------------------------------------------- */

static void command_done(void *context, const struct lockstep_exec_result *result)
{
    struct checkup *checkup = context;
    const char *program = checkup->argv[0];
    char why[LOCKSTEP_TEXT_MAX + 1];
    int length = 0;
    switch (result->end) {
    case LOCKSTEP_EXEC_EXITED:
        length = snprintf(why, sizeof(why), "%.80s ends with %d", program, result->number);
        break;
    case LOCKSTEP_EXEC_SIGNALLED:
        length = snprintf(why, sizeof(why), "%.80s dies of signal %d", program, result->number);
        break;
    case LOCKSTEP_EXEC_LATE:
        length = snprintf(why, sizeof(why), "%.80s does not end in time", program);
        break;
    case LOCKSTEP_EXEC_NOT_STARTED:
        length = snprintf(why, sizeof(why), "%.80s cannot be started: %s", program,
                          strerror(result->number));
        break;
    }
    if (result->length > 0 && length > 0) {
        (void)snprintf(why + length, sizeof(why) - (size_t)length, " (%.80s)", result->output);
    }
    ended(checkup, result->end == LOCKSTEP_EXEC_EXITED && result->number == 0 ? NULL : why);
}

static void look_by_command(struct checkup *checkup)
{
    static const char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C",
                                              NULL};
    const struct lockstep_exec_command command = {.argv = checkup->argv,
                                                  .environment = environment,
                                                  .limit_ms = checkup->config->timeout_ms,
                                                  .kill_ms = KILL_MS,
                                                  .output_max = OUTPUT_MAX};
    lockstep_exec_run_start(&checkup->run, &command);
}

/* ---- when ----------------------------------------------------------------------------------- */

/* True if the module is to run, or anything of the service if none is named. */
static bool is_wanted(const struct checkup *checkup)
{
    const struct lockstep_agent *core = checkup->owner->config.core;
    const struct lockstep_name *name = &checkup->config->module;
    for (uint32_t i = 0; i < core->module_count; i++) {
        const struct lockstep_agent_module *module = &core->modules[i];
        if (module->service == checkup->service &&
            (name->text[0] == '\0' || lockstep_name_equal(name, &module->name)) &&
            !lockstep_digest_is_zero(&module->current.digest)) {
            return true;
        }
    }
    return false;
}

/* A host that is away is not looked at: that it died is known by itself. */
static void look(void *context)
{
    struct checkup *checkup = context;
    if (!is_wanted(checkup) || is_shut(checkup)) {
        lockstep_health_reset(&checkup->health);
        look_later(checkup);
        return;
    }
    if (!checkup->owner->config.core->services[checkup->service].up) {
        look_later(checkup);
        return;
    }
    lockstep_health_begin(&checkup->health, lockstep_loop_now(checkup->owner->loop));
    if (checkup->config->tool != NULL) {
        look_at_tool(checkup);
    } else if (checkup->config->http != NULL) {
        look_at_page(checkup);
    } else {
        look_by_command(checkup);
    }
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool init(struct checkup *checkup, struct lockstep_checkups *owner, uint8_t service,
                 const struct lockstep_config_health *config)
{
    bool tool = config->tool != NULL;
    checkup->owner = owner;
    checkup->config = config;
    checkup->service = service;
    checkup->timer = (struct lockstep_timer){.due = look, .context = checkup};
    lockstep_exchange_init(&checkup->exchange, owner->loop, tool ? tool_enough : page_enough,
                           tool ? tool_done : page_done, checkup);
    lockstep_exec_run_init(&checkup->run, owner->loop, command_done, checkup);
    checkup->argv = calloc(config->command.count + 1, sizeof(*checkup->argv));
    for (size_t i = 0; checkup->argv != NULL && i < config->command.count; i++) {
        checkup->argv[i] = config->command.items[i];
    }
    look_later(checkup);
    return checkup->argv != NULL;
}

enum lockstep_err lockstep_checkups_new(struct lockstep_loop *loop,
                                        const struct lockstep_checkups_config *config,
                                        struct lockstep_checkups **ret_checkups,
                                        struct lockstep_error *err)
{
    const struct lockstep_config_agent *agent = config->config;
    struct lockstep_checkups *checkups;
    size_t count = 0;
    for (size_t i = 0; i < agent->service_count; i++) {
        count += agent->services[i].health_count;
    }
    checkups = calloc(1, sizeof(*checkups) + count * sizeof(checkups->list[0]));
    if (checkups == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for health checks");
    }
    checkups->loop = loop;
    checkups->config = *config;
    for (size_t i = 0; i < agent->service_count; i++) {
        const struct lockstep_config_service *service = &agent->services[i];
        uint8_t index = lockstep_agent_service(config->core, &service->name);
        for (size_t j = 0; index != LOCKSTEP_SERVICE_NONE && j < service->health_count; j++) {
            if (!init(&checkups->list[checkups->count++], checkups, index, &service->health[j])) {
                (void)lockstep_checkups_free(checkups);
                return LOCKSTEP_FAIL(err, NOMEM, "no memory for health checks");
            }
        }
    }
    *ret_checkups = checkups;
    return LOCKSTEP_OK;
}

struct lockstep_checkups *lockstep_checkups_free(struct lockstep_checkups *checkups)
{
    for (size_t i = 0; checkups != NULL && i < checkups->count; i++) {
        struct checkup *checkup = &checkups->list[i];
        lockstep_timer_disarm(checkups->loop, &checkup->timer);
        lockstep_exchange_stop(&checkup->exchange);
        lockstep_exec_run_stop(&checkup->run);
        free(checkup->argv);
    }
    free(checkups);
    return NULL;
}
