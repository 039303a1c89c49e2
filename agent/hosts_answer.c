/* Answers to requests: one of several processes each, then the request's. */
#include "agent/hosts_swap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the end of a request ------------------------------------------------------------------- */

void lockstep_hosts_request_release(struct lockstep_hosts_request *request)
{
    lockstep_timer_disarm(request->hosts->loop, &request->timer);
    if (request->fd >= 0) {
        (void)close(request->fd);
    }
    request->fd = -1;
    request->reply = lockstep_hostwire_free(request->reply);
    request->kind = LOCKSTEP_HOSTS_REQUEST_FREE;
    if (request->refused) {
        free(request);
    }
}

/* A set that is migrated in some processes only goes back in those. */
static void reopen(const struct lockstep_hosts_request *request)
{
    struct lockstep_hosts *hosts = request->hosts;
    for (size_t i = 0; i < request->asks_count; i++) {
        const struct lockstep_hosts_ask *ask = &request->asks[i];
        struct lockstep_hosts_process *process = ask->process;
        if (ask->successor != NULL && ask->successor->succession != NULL) {
            process = ask->successor->succession->before; /* whatever it has come to */
        } else if (ask->state != LOCKSTEP_HOSTS_ASK_YES) {
            continue;
        }
        if (process != NULL) {
            lockstep_hostwire_reset(hosts->out, LOCKSTEP_HOSTWIRE_REOPEN);
            hosts->out->operation = request->operation;
            (void)lockstep_hosts_send(process, NULL);
        }
    }
}

void lockstep_hosts_request_finish(struct lockstep_hosts_request *request)
{
    struct lockstep_hosts_request **place = &request->hosts->finished;
    request->finished = true;
    request->ok = request->no == LOCKSTEP_NO_UNSPECIFIED;
    lockstep_timer_disarm(request->hosts->loop, &request->timer);
    if (request->kind == LOCKSTEP_HOSTS_REQUEST_MIGRATE && !request->ok) {
        reopen(request);
    }
    if (request->kind == LOCKSTEP_HOSTS_REQUEST_PUBLISH && request->ok) {
        struct lockstep_hosts_known *known = lockstep_hosts_known_find(request->hosts,
                                                                       &request->operation);
        if (known != NULL) {
            known->published = known->services;
        }
    }
    while (*place != NULL) {
        place = &(*place)->next;
    }
    request->next = NULL;
    *place = request;
    lockstep_loop_post(request->hosts->loop, &request->hosts->post);
}

void lockstep_hosts_request_no(struct lockstep_hosts_request *request, enum lockstep_no no,
                               const char *text)
{
    if (request->no == LOCKSTEP_NO_UNSPECIFIED) {
        request->no = no == LOCKSTEP_NO_UNSPECIFIED ? LOCKSTEP_NO_INTERNAL : no;
        (void)snprintf(request->text, sizeof(request->text), "%s", text);
    }
}

void lockstep_hosts_request_settle(struct lockstep_hosts_request *request)
{
    for (size_t i = 0; i < request->asks_count; i++) {
        if (request->asks[i].state == LOCKSTEP_HOSTS_ASK_OPEN) {
            return;
        }
    }
    lockstep_hosts_request_finish(request);
}

void lockstep_hosts_request_refuse(struct lockstep_hosts *hosts, enum lockstep_hosts_kind kind,
                                   uint32_t ticket, const struct lockstep_id *operation)
{
    static const struct lockstep_id none = {{0}};
    struct lockstep_hosts_request *request = malloc(sizeof(*request));
    lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "too many requests ticket=%u", ticket);
    if (request == NULL) {
        lockstep_log(LOCKSTEP_LEVEL_ERROR, "hosts", "no memory to answer ticket=%u", ticket);
        return;
    }
    *request = (struct lockstep_hosts_request){.kind = kind,
                                               .hosts = hosts,
                                               .ticket = ticket,
                                               .operation = operation == NULL ? none : *operation,
                                               .refused = true,
                                               .fd = -1};
    lockstep_hosts_request_no(request, LOCKSTEP_NO_BUSY,
                              "the hosts of this node have too much to do: ask again");
    lockstep_hosts_request_finish(request);
}

static void call_back(struct lockstep_hosts_request *request)
{
    const struct lockstep_hosts_config *config = &request->hosts->config;
    const struct lockstep_hostwire_message *reply = request->reply;
    const struct lockstep_work_result result = {.ticket = request->ticket,
                                                .ok = request->ok,
                                                .stateful = request->stateful,
                                                .unmapped = request->unmapped,
                                                .no = request->no,
                                                .text = request->ok ? NULL : request->text};
    struct lockstep_hosts_answer answer = {
        .ticket = request->ticket, .version = "", .text = request->text};
    if (request->recycle) {
        lockstep_hosts_recycle_on(request);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_SNAPSHOT && config->snapshot != NULL) {
        int fd = request->fd;
        request->fd = -1;
        config->snapshot(config->context, &result, fd);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_CALL && config->answered != NULL) {
        if (request->ok && reply != NULL) {
            answer.reached = true;
            answer.result = reply->result;
            answer.generation = reply->generation;
            answer.version = reply->version;
            answer.bytes = reply->bytes;
            answer.size = reply->bytes_size;
            answer.cut = reply->more;
        }
        config->answered(config->context, &answer);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_SMOKE && config->smoked != NULL) {
        config->smoked(config->context, &result);
    } else if (request->kind == LOCKSTEP_HOSTS_REQUEST_DRAIN && config->drained != NULL) {
        config->drained(config->context, request->ticket, false, request->text);
    } else if (request->kind < LOCKSTEP_HOSTS_REQUEST_SNAPSHOT) {
        config->done(config->context, &result);
    }
}

/* The place is free before the callback, which may ask again or drop the operation. What is asked
 * then, and refused at once, waits for the next turn of the loop. */
void lockstep_hosts_request_flush(void *context)
{
    struct lockstep_hosts *hosts = context;
    size_t count = 0;
    for (const struct lockstep_hosts_request *at = hosts->finished; at != NULL; at = at->next) {
        count++;
    }
    while (count-- > 0 && hosts->finished != NULL) {
        struct lockstep_hosts_request *first = hosts->finished;
        struct lockstep_hosts_request request = *first;
        hosts->finished = request.next;
        first->fd = -1;
        first->reply = NULL;
        lockstep_hosts_request_release(first);
        request.refused = false;
        call_back(&request);
        lockstep_hosts_request_release(&request);
    }
    if (hosts->finished != NULL) {
        lockstep_loop_post(hosts->loop, &hosts->post);
    }
}

/* ---- answers -------------------------------------------------------------------------------- */

bool lockstep_hosts_request_pending(const struct lockstep_hosts_process *process)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        const struct lockstep_hosts_request *request = &process->hosts->requests[i];
        for (size_t j = 0; request->kind != LOCKSTEP_HOSTS_REQUEST_FREE && j < request->asks_count;
             j++) {
            if (request->asks[j].process == process &&
                request->asks[j].state == LOCKSTEP_HOSTS_ASK_OPEN) {
                return true;
            }
        }
    }
    return false;
}

static bool is_open(const struct lockstep_hosts_request *request)
{
    return request->kind != LOCKSTEP_HOSTS_REQUEST_FREE && !request->finished;
}

void lockstep_hosts_request_fail(struct lockstep_hosts_process *process, enum lockstep_no no,
                                 const char *text, bool forget)
{
    for (size_t i = 0; i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        struct lockstep_hosts_request *request = &process->hosts->requests[i];
        bool failed = false;
        for (size_t j = 0; request->kind != LOCKSTEP_HOSTS_REQUEST_FREE && j < request->asks_count;
             j++) {
            struct lockstep_hosts_ask *ask = &request->asks[j];
            bool part = ask->process == process || ask->successor == process;
            bool waits = ask->id == 0 && !forget; /* for a process that is being fitted out */
            if (part && !waits && ask->state == LOCKSTEP_HOSTS_ASK_OPEN) {
                ask->state = LOCKSTEP_HOSTS_ASK_NO;
                failed = true;
                request->unmapped = request->unmapped || ask->successor != NULL;
            }
            if (part && forget) {
                ask->process = NULL;
                ask->successor = NULL;
            }
        }
        if (failed && is_open(request)) {
            lockstep_hosts_request_no(request, no, text);
            lockstep_hosts_request_settle(request);
        }
    }
}

static enum lockstep_hostwire_type wanted_answer(enum lockstep_hosts_kind kind)
{
    static const enum lockstep_hostwire_type wanted[] = {
        [LOCKSTEP_HOSTS_REQUEST_MAP] = LOCKSTEP_HOSTWIRE_PREPARED,
        [LOCKSTEP_HOSTS_REQUEST_MIGRATE] = LOCKSTEP_HOSTWIRE_MIGRATED,
        [LOCKSTEP_HOSTS_REQUEST_PUBLISH] = LOCKSTEP_HOSTWIRE_PUBLISHED,
        [LOCKSTEP_HOSTS_REQUEST_SNAPSHOT] = LOCKSTEP_HOSTWIRE_SNAPSHOT,
        [LOCKSTEP_HOSTS_REQUEST_CALL] = LOCKSTEP_HOSTWIRE_ANSWER,
        [LOCKSTEP_HOSTS_REQUEST_SMOKE] = LOCKSTEP_HOSTWIRE_OK,
    };
    return wanted[kind];
}

/* The answer to a call is kept; what further processes say is put behind it. */
static void keep_reply(struct lockstep_hosts_request *request)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hostwire_message *reply = request->reply;
    struct lockstep_hostwire_message *other;
    if (reply != NULL) {
        size_t room = sizeof(reply->bytes) - reply->bytes_size;
        size_t size = hosts->in->bytes_size < room ? hosts->in->bytes_size : room;
        memcpy(reply->bytes + reply->bytes_size, hosts->in->bytes, size);
        reply->bytes_size += size;
        reply->more = reply->more || hosts->in->more || size < hosts->in->bytes_size;
        return;
    }
    other = lockstep_hostwire_new(LOCKSTEP_HOSTWIRE_UNSPECIFIED);
    if (other == NULL) {
        lockstep_hosts_request_no(request, LOCKSTEP_NO_MEMORY, "no memory for the answer");
        return;
    }
    request->reply = hosts->in;
    hosts->in = other;
}

/* Several processes of a service would have a state each. */
static void refuse_states(struct lockstep_hosts_request *request, uint8_t service)
{
    const struct lockstep_hosts *hosts = request->hosts;
    const struct lockstep_hostwire_message *in = hosts->in;
    char text[LOCKSTEP_TEXT_MAX + 1];
    for (size_t i = 0; i < in->entries_count && hosts->rooms[service].processes > 1; i++) {
        if (in->entries[i].schema != 0) {
            (void)snprintf(text, sizeof(text),
                           "%s has state, and service %s has %u processes, each with its own: give "
                           "it one (agent.yaml, services: processes)",
                           in->entries[i].module.text, hosts->rooms[service].name.text,
                           hosts->rooms[service].processes);
            lockstep_hosts_request_no(request, LOCKSTEP_NO_STATE, text);
            return;
        }
    }
}

/* Takes what the answer carries. */
static void take_yes(struct lockstep_hosts_request *request)
{
    struct lockstep_hosts *hosts = request->hosts;
    struct lockstep_hostwire_message *in = hosts->in;
    request->stateful = request->stateful || in->stateful;
    if (request->kind == LOCKSTEP_HOSTS_REQUEST_MIGRATE && in->text[0] != '\0') {
        lockstep_log(LOCKSTEP_LEVEL_WARNING, "hosts", "writes lost: %s", in->text);
    }
    if (request->kind == LOCKSTEP_HOSTS_REQUEST_SNAPSHOT && in->fds_count > 0) {
        request->fd = in->fds[0];
        in->fds[0] = -1;
    }
    if (request->kind == LOCKSTEP_HOSTS_REQUEST_CALL) {
        keep_reply(request);
    }
}

/* What is live now is looked at before the answer, so that who is told it can report it. */
static bool look_first(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    struct lockstep_hosts_process *process = ask->process;
    uint64_t id;
    if (request->kind != LOCKSTEP_HOSTS_REQUEST_PUBLISH) {
        return false;
    }
    lockstep_hostwire_reset(request->hosts->out, LOCKSTEP_HOSTWIRE_STATUS);
    id = lockstep_hosts_send(process, NULL);
    if (id == 0) {
        return false;
    }
    lockstep_hosts_view_deinit(&process->coming);
    process->status_id = id;
    ask->id = id;
    ask->published = true;
    return true;
}

static void take_answer(struct lockstep_hosts_request *request, struct lockstep_hosts_ask *ask)
{
    const struct lockstep_hostwire_message *in = request->hosts->in;
    if (ask->published && in->type == LOCKSTEP_HOSTWIRE_STATUS) {
        ask->state = in->more ? LOCKSTEP_HOSTS_ASK_OPEN : LOCKSTEP_HOSTS_ASK_YES;
    } else if (ask->successor != NULL) {
        lockstep_hosts_swap_answer(request, ask);
        return;
    } else if (in->type == wanted_answer(request->kind)) {
        if (look_first(request, ask)) {
            return;
        }
        ask->state = LOCKSTEP_HOSTS_ASK_YES;
        take_yes(request);
        if (request->kind == LOCKSTEP_HOSTS_REQUEST_MAP && ask->process != NULL) {
            refuse_states(request, ask->process->service);
        }
    } else {
        ask->state = LOCKSTEP_HOSTS_ASK_NO;
        lockstep_hosts_request_no(request, lockstep_no_parse(in->code), in->text);
    }
    lockstep_hosts_request_settle(request);
}

void lockstep_hosts_request_answer(struct lockstep_hosts_process *process)
{
    uint64_t id = process->hosts->in->id;
    for (size_t i = 0; id != 0 && i < LOCKSTEP_HOSTS_REQUESTS_MAX; i++) {
        struct lockstep_hosts_request *request = &process->hosts->requests[i];
        for (size_t j = 0; is_open(request) && j < request->asks_count; j++) {
            struct lockstep_hosts_ask *ask = &request->asks[j];
            if (ask->process == process && ask->id == id && ask->state == LOCKSTEP_HOSTS_ASK_OPEN) {
                take_answer(request, ask);
                return;
            }
        }
    }
    lockstep_hosts_swap_late(process);
}
