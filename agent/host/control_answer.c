/* One function a request of the agent. */
#include "agent/host/control.h"

#include "agent/host/latch.h"
#include "common/base/cleanup.h"

#include <fcntl.h>
#include <string.h>

#define DRAIN_MS     5000
#define DRAIN_MAX_MS 600000
#define CALL_MS      2000

typedef void answer_fn(struct lockstep_control *control);

void lockstep_control_reply(struct lockstep_control *control, enum lockstep_hostwire_type type)
{
    lockstep_hostwire_reset(control->reply, type);
    control->reply->id = control->request->id;
    control->reply->operation = control->request->operation;
}

void lockstep_control_refuse(struct lockstep_control *control, enum lockstep_hostwire_type type,
                             const struct lockstep_refusal *refusal)
{
    lockstep_control_reply(control, type);
    (void)snprintf(control->reply->code, sizeof(control->reply->code), "%s", refusal->code);
    memcpy(control->reply->text, refusal->text, sizeof(control->reply->text));
    lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "%s: %s: %s",
                      lockstep_hostwire_type_name(control->request->type), refusal->code,
                      refusal->text);
}

uint32_t lockstep_control_drain_ms(const struct lockstep_control *control)
{
    uint32_t ms = control->request->drain_ms;
    if (ms == 0) {
        return DRAIN_MS;
    }
    return ms < DRAIN_MAX_MS ? ms : DRAIN_MAX_MS;
}

static void fill_entry(const struct lockstep_sets *sets, const struct lockstep_image *image,
                       struct lockstep_hostwire_entry *ret_entry)
{
    const struct lockstep_module_line *line = lockstep_sets_line(sets, image->name.text);
    struct lockstep_gate_counts counts;
    lockstep_gate_count(image->index, &counts);
    ret_entry->module = image->name;
    memcpy(ret_entry->version, image->version, sizeof(ret_entry->version));
    ret_entry->generation = image->generation;
    ret_entry->digest = image->digest;
    ret_entry->device = image->device;
    ret_entry->inode = image->inode;
    memcpy(ret_entry->path, image->path, sizeof(ret_entry->path));
    ret_entry->state = image->state;
    ret_entry->schema = image->identity.state_schema;
    ret_entry->calls = counts.calls;
    ret_entry->failed = counts.failed;
    ret_entry->in_flight = counts.in_flight;
    ret_entry->closed = (atomic_load(&line->gate.word) & LOCKSTEP_SHUT_ANY) != 0;
    ret_entry->drain = lockstep_sets_drain_state(line);
    ret_entry->refuses = (atomic_load(&line->gate.word) & LOCKSTEP_SHUT_REFUSE) != 0;
}

bool lockstep_control_send_images(struct lockstep_control *control, bool live_only)
{
    const struct lockstep_sets *sets = &control->host->sets;
    struct lockstep_hostwire_message *reply = control->reply;
    for (const struct lockstep_image *image = sets->images; image != NULL; image = image->next) {
        if (live_only && image->state != LOCKSTEP_HOSTWIRE_STATE_LIVE) {
            continue;
        }
        if (reply->entries_count == LOCKSTEP_HOSTWIRE_ENTRIES_MAX) {
            reply->more = true;
            if (!lockstep_control_send(control)) {
                return false;
            }
            reply->more = false;
            reply->entries_count = 0;
        }
        fill_entry(sets, image, &reply->entries[reply->entries_count++]);
    }
    return lockstep_control_send(control);
}

/* What became of the states of SET, as far as something was lost. */
static void say_lost(struct lockstep_control *control, const struct lockstep_set *set)
{
    size_t length = 0;
    for (size_t i = 0; i < set->count && length < sizeof(control->reply->text); i++) {
        const char *said = set->items[i].said;
        int more = said[0] == '\0' ? 0
                                   : snprintf(control->reply->text + length,
                                              sizeof(control->reply->text) - length, "%s%s",
                                              length == 0 ? "" : "; ", said);
        length += more < 0 ? 0 : (size_t)more;
    }
}

static void answer_prepare(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    struct lockstep_sets *sets = &control->host->sets;
    struct lockstep_set *set;
    if (lockstep_sets_published(sets, &control->request->operation)) {
        lockstep_control_reply(control,
                               LOCKSTEP_HOSTWIRE_PREPARED); /* redone; CLOSE and PUBLISH are, too */
        return;
    }
    set = lockstep_sets_prepare(sets, control->request, &refusal);
    if (set == NULL) {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_REFUSED, &refusal);
        return;
    }
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_PREPARED);
    say_lost(control, set);
    control->reply->stateful = set->stateful;
    for (size_t i = 0; i < set->count; i++) {
        struct lockstep_hostwire_entry *entry =
            &control->reply->entries[control->reply->entries_count++];
        if (set->items[i].image != NULL) {
            fill_entry(sets, set->items[i].image, entry);
        }
        entry->module = set->items[i].line->name;
        entry->generation = set->items[i].generation;
    }
}

static void answer_drop(struct lockstep_control *control)
{
    struct lockstep_set *set = lockstep_sets_find(&control->host->sets,
                                                  &control->request->operation);
    if (set != NULL) {
        lockstep_sets_drop(&control->host->sets, set);
    }
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

static struct lockstep_set *find_set(struct lockstep_control *control)
{
    static const struct lockstep_refusal unknown = {"INTERNAL", "this operation is not prepared"};
    struct lockstep_set *set = lockstep_sets_find(&control->host->sets,
                                                  &control->request->operation);
    if (set == NULL) {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &unknown);
    }
    return set;
}

static void answer_close(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    struct lockstep_set *set;
    if (lockstep_sets_published(&control->host->sets, &control->request->operation)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_MIGRATED);
        return;
    }
    set = find_set(control);
    if (set == NULL) {
        return;
    }
    if (lockstep_sets_close(&control->host->sets, set, lockstep_control_drain_ms(control),
                            control->request->drain, &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_MIGRATED);
        say_lost(control, set);
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_reopen(struct lockstep_control *control)
{
    struct lockstep_set *set = lockstep_sets_find(&control->host->sets,
                                                  &control->request->operation);
    if (set != NULL) {
        lockstep_sets_reopen(&control->host->sets, set);
    }
    lockstep_sets_thaw(&control->host->sets, &control->request->operation);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

static void answer_publish(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    struct lockstep_set *set;
    if (lockstep_sets_published(&control->host->sets, &control->request->operation)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_PUBLISHED);
        return;
    }
    set = find_set(control);
    if (set == NULL) {
        return;
    }
    if (lockstep_sets_publish(&control->host->sets, set, &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_PUBLISHED);
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_retire(struct lockstep_control *control)
{
    for (size_t i = 0; i < control->request->entries_count; i++) {
        lockstep_sets_retire(&control->host->sets, control->request->entries[i].module.text,
                             control->request->entries[i].generation,
                             control->request->entries[i].by);
    }
    lockstep_sets_collect(&control->host->sets, lockstep_job_now_ms());
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

static void answer_drain(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    if (lockstep_sets_drain(&control->host->sets, control->request->text,
                            lockstep_control_drain_ms(control), control->request->refuse,
                            &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_resume(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {"NOFILE", "this module is not known"};
    if (lockstep_sets_resume(&control->host->sets, control->request->text)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_snapshot(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    int fd = -1;
    if (lockstep_sets_snapshot(&control->host->sets, control->request->text,
                               lockstep_control_drain_ms(control), &fd, &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_SNAPSHOT);
        control->reply->fds[0] = fd;
        control->reply->fds_count = 1;
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_base(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    if (lockstep_sets_base(&control->host->sets, control->request->text,
                           lockstep_control_drain_ms(control), &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
    } else {
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    }
}

static void answer_listeners(struct lockstep_control *control)
{
    static const struct lockstep_refusal full = {"INTERNAL", "a listener cannot be served"};
    struct lockstep_hostwire_message *request = control->request;
    for (size_t i = 0; i < request->fds_count; i++) {
        if (!lockstep_serve_add(control->host->serve, request->fds[i])) {
            lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &full);
            return;
        }
        request->fds[i] = -1;
    }
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
}

/* Copies: the message closes what it holds. */
static void answer_give_listeners(struct lockstep_control *control)
{
    int fds[LOCKSTEP_LISTENERS_MAX];
    size_t count = lockstep_serve_listeners(control->host->serve, fds);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_LISTENERS);
    for (size_t i = 0; i < count; i++) {
        int copy = fcntl(fds[i], F_DUPFD_CLOEXEC, 0);
        if (copy >= 0) {
            control->reply->fds[control->reply->fds_count++] = copy;
        }
    }
}

static void fill_answer(struct lockstep_hostwire_message *reply, const uint8_t *bytes, size_t size)
{
    reply->more = size > sizeof(reply->bytes);
    reply->bytes_size = reply->more ? sizeof(reply->bytes) : size;
    if (reply->bytes_size > 0) {
        memcpy(reply->bytes, bytes, reply->bytes_size);
    }
}

/* A call for looking. It belongs to a job: a tool that hangs must not hold the control thread. */
struct looking {
    struct lockstep_host *host;
    char tool[LOCKSTEP_TEXT_MAX + 1];
    uint8_t *request; /* owned */
    size_t size;
    enum lockstep_call_result result;
    struct lockstep_answer answer;
};

static void free_looking(void *argument)
{
    struct looking *looking = argument;
    free(looking->request);
    lockstep_answer_deinit(&looking->answer);
    free(looking);
}

static int run_looking(void *argument, struct lockstep_job_why *why)
{
    struct looking *looking = argument;
    (void)why;
    looking->result = lockstep_host_call(looking->host, looking->tool, looking->request,
                                         looking->size, &looking->answer);
    return 0;
}

static struct looking *new_looking(const struct lockstep_control *control)
{
    struct looking *looking = calloc(1, sizeof(*looking));
    if (looking == NULL) {
        return NULL;
    }
    looking->request = malloc(control->request->bytes_size + 1);
    if (looking->request == NULL) {
        free(looking);
        return NULL;
    }
    looking->host = control->host;
    looking->size = control->request->bytes_size;
    memcpy(looking->request, control->request->bytes, looking->size);
    memcpy(looking->tool, control->request->text, sizeof(looking->tool));
    return looking;
}

/* An answer that is too long for a frame is cut off, and says so. */
static void answer_call(struct lockstep_control *control)
{
    struct looking *looking = new_looking(control);
    struct lockstep_job *job;
    enum lockstep_job_end end;
    char why[LOCKSTEP_JOB_WHY];
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_ANSWER);
    control->reply->result = LOCKSTEP_CALL_NO_MEMORY;
    if (looking == NULL) {
        return;
    }
    job = lockstep_job_start(run_looking, looking, free_looking);
    end = lockstep_job_wait(job, CALL_MS, why);
    if (end == LOCKSTEP_JOB_PASSED) {
        control->reply->result = (uint32_t)looking->result;
        control->reply->generation = looking->answer.generation;
        memcpy(control->reply->version, looking->answer.version, sizeof(control->reply->version));
        fill_answer(control->reply, looking->answer.bytes, looking->answer.size);
    } else if (end == LOCKSTEP_JOB_STUCK) {
        control->reply->result = LOCKSTEP_CALL_CLOSED;
        fill_answer(control->reply, (const uint8_t *)why, strlen(why));
    }
    job = lockstep_job_drop(job);
}

static bool wants_json(const struct lockstep_hostwire_message *request)
{
    return request->bytes_size == strlen(LOCKSTEP_HOSTWIRE_TOOLS_JSON) &&
           memcmp(request->bytes, LOCKSTEP_HOSTWIRE_TOOLS_JSON, request->bytes_size) == 0;
}

static void answer_tools(struct lockstep_control *control)
{
    struct lockstep_answer answer;
    size_t offset = control->request->offset;
    enum lockstep_call_result result = wants_json(control->request)
                                           ? lockstep_host_registry(
                                                 control->host, control->request->text,
                                                 LOCKSTEP_HOSTWIRE_BYTES_MAX, &answer)
                                           : lockstep_host_list(&answer);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_ANSWER);
    control->reply->result = (uint32_t)result;
    control->reply->generation = answer.generation;
    memcpy(control->reply->version, answer.version, sizeof(control->reply->version));
    if (offset < answer.size) {
        fill_answer(control->reply, answer.bytes + offset, answer.size - offset);
    }
    lockstep_answer_deinit(&answer);
}

static void answer_status(struct lockstep_control *control)
{
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_STATUS);
    control->reply->retired = lockstep_sets_retired(&control->host->sets);
    control->reply->latched = lockstep_latched();
    control->reply->role = atomic_load(&control->host->role);
}

static void answer_smoke(struct lockstep_control *control)
{
    struct lockstep_refusal refusal = {0};
    const struct lockstep_module_line *line = lockstep_sets_line(&control->host->sets,
                                                                 control->request->text);
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
    if (line == NULL || line->live == NULL ||
        line->live->generation != control->request->generation) {
        refusal = (struct lockstep_refusal){"STALE_GENERATION", "another version is live"};
        lockstep_control_refuse(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED, &refusal);
    } else if (!lockstep_image_smoke_live(line->live, &refusal)) {
        lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_NOT_APPLIED); /* BUSY is no news */
        (void)snprintf(control->reply->code, sizeof(control->reply->code), "%s", refusal.code);
        memcpy(control->reply->text, refusal.text, sizeof(control->reply->text));
    }
}

static void answer_shutdown(struct lockstep_control *control)
{
    lockstep_control_reply(control, LOCKSTEP_HOSTWIRE_OK);
    atomic_store(&control->host->shut_down, true);
}

static const struct {
    enum lockstep_hostwire_type type;
    answer_fn *answer;
} answers[] = {
    {LOCKSTEP_HOSTWIRE_LISTENERS, answer_listeners},
    {LOCKSTEP_HOSTWIRE_GIVE_LISTENERS, answer_give_listeners},
    {LOCKSTEP_HOSTWIRE_PREPARE, answer_prepare},
    {LOCKSTEP_HOSTWIRE_DROP, answer_drop},
    {LOCKSTEP_HOSTWIRE_CLOSE, answer_close},
    {LOCKSTEP_HOSTWIRE_REOPEN, answer_reopen},
    {LOCKSTEP_HOSTWIRE_PUBLISH, answer_publish},
    {LOCKSTEP_HOSTWIRE_RETIRE, answer_retire},
    {LOCKSTEP_HOSTWIRE_PURGE, lockstep_control_purge},
    {LOCKSTEP_HOSTWIRE_COUNTS, lockstep_control_counts},
    {LOCKSTEP_HOSTWIRE_STATUS, answer_status},
    {LOCKSTEP_HOSTWIRE_DRAIN, answer_drain},
    {LOCKSTEP_HOSTWIRE_RESUME, answer_resume},
    {LOCKSTEP_HOSTWIRE_SNAPSHOT, answer_snapshot},
    {LOCKSTEP_HOSTWIRE_BASE, answer_base},
    {LOCKSTEP_HOSTWIRE_CALL, answer_call},
    {LOCKSTEP_HOSTWIRE_TOOLS, answer_tools},
    {LOCKSTEP_HOSTWIRE_SMOKE, answer_smoke},
    {LOCKSTEP_HOSTWIRE_SHUTDOWN, answer_shutdown},
    {LOCKSTEP_HOSTWIRE_HAND_OVER, lockstep_control_hand_over},
    {LOCKSTEP_HOSTWIRE_ADOPT, lockstep_control_adopt},
    {LOCKSTEP_HOSTWIRE_TAKE_OVER, lockstep_control_take_over},
    {LOCKSTEP_HOSTWIRE_LEAVE, lockstep_control_leave},
};

bool lockstep_control_answer(struct lockstep_control *control)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(answers); i++) {
        if (answers[i].type != control->request->type) {
            continue;
        }
        answers[i].answer(control);
        if (control->request->type == LOCKSTEP_HOSTWIRE_STATUS) {
            return lockstep_control_send_images(control, false);
        }
        if (control->request->type == LOCKSTEP_HOSTWIRE_COUNTS) {
            return lockstep_control_send_counts(control);
        }
        return lockstep_control_send(control);
    }
    lockstep_host_log(control->host, LOCKSTEP_LOG_WARNING, "the agent sent a %s message",
                      lockstep_hostwire_type_name(control->request->type));
    return false;
}
