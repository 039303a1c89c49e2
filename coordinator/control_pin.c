/* NODE_PIN: a node stays on what it runs, whatever else is desired, until the pin is over. It
 * changes no code: what it does not run it is brought by a reload, which can pin as well. */
#include "coordinator/driver_internal.h"

#include "common/io/value.h"

#include <stdio.h>
#include <string.h>

/* What a pin is to be, and what is known of its node. */
struct pinning {
    struct lockstep_session *session;
    const struct lockstep_wire_node_pin *message;
    struct lockstep_desired_row row;   /* node and module of it; and the pin */
    struct lockstep_desired_row stood; /* as it is recorded, if it is */
    bool recorded;
};

static void find_row(void *context, const struct lockstep_desired_row *row)
{
    struct pinning *pinning = context;
    if (row->node == pinning->row.node && lockstep_name_equal(&row->module, &pinning->row.module)) {
        pinning->stood = *row;
        pinning->recorded = true;
    }
}

/* The version that is meant; INVALID for one that there is not. What runs is known by its digest
 * also if nobody pushed it. */
static enum lockstep_err find_version(struct pinning *pinning, const struct lockstep_digest *live,
                                      struct lockstep_error *err)
{
    const struct lockstep_wire_node_pin *message = pinning->message;
    struct lockstep_artifact_row artifact;
    char text[LOCKSTEP_DIGEST_TEXT];
    size_t length = strlen(message->version);
    unsigned found = 0;
    if (strcmp(message->version, "current") == 0 && pinning->recorded) {
        const struct lockstep_digest *wish = lockstep_desired_wish(&pinning->stood,
                                                                   lockstep_unix_ms());
        pinning->row.digest = wish == NULL ? pinning->stood.digest : *wish;
        return LOCKSTEP_OK;
    }
    LOCKSTEP_TRY(lockstep_control_named(pinning->session->coordinator, message->module.text,
                                        message->version, &artifact, &found, err));
    if (found == 1) {
        pinning->row.digest = artifact.digest;
        return LOCKSTEP_OK;
    }
    lockstep_digest_format(live, text);
    if (length >= 8 && strncmp(text, message->version, length) == 0) {
        pinning->row.digest = *live;
        return LOCKSTEP_OK;
    }
    return LOCKSTEP_FAIL(err, INVALID,
                         "%s has no one version '%.64s'; lockstep artifact ls %s shows those there "
                         "are",
                         message->module.text, message->version, message->module.text);
}

static bool has_module(const struct lockstep_operation *operation,
                       const struct lockstep_name *module)
{
    bool found = false;
    for (uint32_t i = 0; i < operation->item_count; i++) {
        found = found || lockstep_name_equal(&operation->items[i].module, module);
    }
    return found;
}

/* An operation on the module that is under way, or that still owes the node something, would have
 * the last word. */
static const struct lockstep_operation *find_holder(const struct pinning *pinning)
{
    const struct lockstep_fleet *fleet = &pinning->session->coordinator->fleet;
    for (uint32_t i = 0; i < LOCKSTEP_FLEET_OPERATIONS; i++) {
        const struct lockstep_operation *operation = fleet->operations[i];
        int64_t part = operation == NULL ? -1
                                         : lockstep_operation_part(operation, pinning->row.node);
        bool ours = part >= 0 && has_module(operation, &pinning->row.module);
        if (ours && (lockstep_operation_holds_lock(operation) ||
                     operation->parts[part].state == LOCKSTEP_PART_OWED ||
                     operation->parts[part].state == LOCKSTEP_PART_CORDONED ||
                     operation->parts[part].state == LOCKSTEP_PART_LOST)) {
            return operation;
        }
    }
    return NULL;
}

static void refuse_held(const struct pinning *pinning, const struct lockstep_operation *holder)
{
    char id[LOCKSTEP_ID_TEXT];
    char next[64];
    lockstep_id_format(&holder->id, id);
    (void)snprintf(next, sizeof(next), "lockstep op watch op-%.8s", id);
    lockstep_control_refuse(pinning->session, pinning->message->request,
                            LOCKSTEP_WHY(5, "held", next), "op-%.8s is not settled on %s yet", id,
                            pinning->message->node.text);
}

/* What does not run cannot be held on to: a reload brings it, and pins it. */
static void refuse_other(const struct pinning *pinning, const char *code, const char *text)
{
    const struct lockstep_wire_node_pin *message = pinning->message;
    char next[LOCKSTEP_CAUSE_MAX];
    (void)snprintf(next, sizeof(next), "lockstep reload %s@%s --strategy local --node %s%s",
                   message->module.text, message->version, message->node.text,
                   strcmp(code, "not-live") == 0 ? "" : " --again");
    lockstep_control_refuse(pinning->session, message->request, LOCKSTEP_WHY(4, code, next),
                            "%s: %s", message->node.text, text);
}

/* True if the pin may be; else it has been said why not. */
static bool may_be(struct pinning *pinning)
{
    struct lockstep_coordinator *coordinator = pinning->session->coordinator;
    const struct lockstep_wire_node_pin *message = pinning->message;
    const struct lockstep_node *node = &coordinator->nodes[pinning->row.node];
    const struct lockstep_live *live = lockstep_node_live(node, &message->module);
    static const struct lockstep_digest nothing;
    const struct lockstep_digest *runs = live == NULL ? &nothing : &live->digest;
    const struct lockstep_operation *holder = find_holder(pinning);
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    if (find_version(pinning, runs, &err) != LOCKSTEP_OK) {
        lockstep_control_refuse_error(pinning->session, message->request, &err);
    } else if (!node->ready) {
        lockstep_control_refuse(
            pinning->session, message->request, LOCKSTEP_WHY(4, "absent", "lockstep node ls"),
            "%s is not ready, so what it runs now is not known", node->name.text);
    } else if (holder != NULL) {
        refuse_held(pinning, holder);
    } else if (lockstep_driver_quarantined(coordinator, &pinning->row.digest)) {
        lockstep_control_refuse(pinning->session, message->request,
                                LOCKSTEP_WHY(4, "quarantined", ""),
                                "%s@%s is quarantined: no node is to stay on it",
                                message->module.text, message->version);
    } else if (!lockstep_digest_equal(runs, &pinning->row.digest)) {
        refuse_other(pinning, "not-live", "it runs another version, or none");
    } else if (!pinning->recorded) {
        refuse_other(pinning, "not-recorded",
                     "nothing is recorded of the module, so nothing would be desired afterwards");
    } else {
        return true;
    }
    return false;
}

static void answer(const struct pinning *pinning, const char *what, const char *text)
{
    const struct lockstep_wire_node_pin *message = pinning->message;
    char name[2 * LOCKSTEP_NAME_MAX + sizeof(" on ") + 1];
    (void)snprintf(name, sizeof(name), "%s on %s", message->module.text, message->node.text);
    lockstep_control_done(pinning->session, message->request, what, name, text);
}

static enum lockstep_err set_pin(struct pinning *pinning, struct lockstep_audit *audit,
                                 struct lockstep_error *err)
{
    struct lockstep_coordinator *coordinator = pinning->session->coordinator;
    uint64_t life = pinning->message->life_ms != 0 ? pinning->message->life_ms
                                                   : coordinator->config->settings.pin;
    char duration[LOCKSTEP_VALUE_TEXT];
    char text[LOCKSTEP_VALUE_TEXT + sizeof("for ")];
    bool pinned = false;
    if (life < LOCKSTEP_SECOND || life > 365 * LOCKSTEP_DAY) {
        return LOCKSTEP_FAIL(err, INVALID, "a pin lives between 1 s and 365 days");
    }
    LOCKSTEP_TRY(lockstep_store_desired(coordinator->store, find_row, pinning, err));
    if (!may_be(pinning)) {
        return LOCKSTEP_OK;
    }
    pinning->row.pin_unix_ms = lockstep_unix_ms() + life;
    LOCKSTEP_TRY(lockstep_store_pin(coordinator->store, &pinning->row, audit, &pinned, err));
    lockstep_duration_format(life, duration);
    (void)snprintf(text, sizeof(text), "for %s", duration);
    answer(pinning, "pinned", text);
    return LOCKSTEP_OK;
}

static enum lockstep_err end_pin(struct pinning *pinning, struct lockstep_audit *audit,
                                 struct lockstep_error *err)
{
    bool was = false;
    /* A slip is not taken for a module that nobody is pinned to. */
    LOCKSTEP_TRY(
        lockstep_control_module(pinning->session->coordinator, &pinning->message->module, err));
    LOCKSTEP_TRY(lockstep_store_unpin(pinning->session->coordinator->store, &pinning->row,
                                      lockstep_unix_ms(), audit, &was, err));
    answer(pinning, "unpinned",
           was ? "lockstep check says what it is to run now" : "it was not pinned");
    return LOCKSTEP_OK;
}

void lockstep_control_pin(struct lockstep_session *session,
                          const struct lockstep_wire_node_pin *message)
{
    struct pinning pinning = {
        .session = session, .message = message, .row.module = message->module};
    char subject[2 * LOCKSTEP_NAME_MAX + LOCKSTEP_WORD_MAX + sizeof("@ on ")];
    struct lockstep_audit audit = {.who = session->who,
                                   .what = message->lift ? "node.unpin" : "node.pin",
                                   .subject = subject,
                                   .detail = message->message};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err result = lockstep_control_node(session->coordinator, message->node.text,
                                                     &pinning.row.node, &err);
    (void)snprintf(subject, sizeof(subject), "%s%s%s on %s", message->module.text,
                   message->lift ? "" : "@", message->version, message->node.text);
    if (result == LOCKSTEP_OK) {
        result = message->lift ? end_pin(&pinning, &audit, &err) : set_pin(&pinning, &audit, &err);
    }
    if (result != LOCKSTEP_OK) {
        lockstep_control_refuse_error(session, message->request, &err);
    }
}
