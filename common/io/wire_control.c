/* Messages between the lockstep command and the coordinator, as rows. */
#include "common/io/wire_control.h"

#include "common/base/assert.h"
#include "common/io/wire_shape.h"

#include "lockstep/v1/control.pb-c.h"

#define SAME_THING(number, name)                                      \
    STATIC_ASSERT((number) == (int)LOCKSTEP__V1__THING__THING_##name, \
                  "LOCKSTEP_THING_TABLE and proto/ must have the same numbers");
LOCKSTEP_THING_TABLE(SAME_THING)

static const struct lockstep_wire_field show_rows[] = {
    REST(Show, show, request, U64, 0, 0),
    REST(Show, show, thing, ENUM, 0, LOCKSTEP_THING_ARTIFACT_BYTES),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Show, names, TEXTS, struct lockstep_wire, u.show.names,
                       u.show.name_count, 0, LOCKSTEP_LIST_MAX),
    REST(Show, show, selector, TEXT, 0, LOCKSTEP_SELECTOR_MAX),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Show, nodes, NAMES, struct lockstep_wire, u.show.nodes,
                       u.show.node_count, 0, LOCKSTEP_LIST_MAX),
    REST(Show, show, limit, U32, 0, 0),
    REST(Show, show, reachable, BOOL, 0, 0),
};
SHAPE(show_shape, show, show_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field subject_rows[] = {
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Subject, module, NAME, struct lockstep_wire_subject, module, 0,
                      0),
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Subject, version, CHARS, struct lockstep_wire_subject, version,
                      0, LOCKSTEP_WORD_MAX),
};
SHAPE(subject_shape, subject, subject_rows, struct lockstep_wire_subject, NULL);

static const char *check_request(const void *plain)
{
    const struct lockstep_wire_request *request = plain;
    if (request->kind == LOCKSTEP_KIND_COMPENSATION) {
        return "a compensation is not asked for";
    }
    if ((request->kind == LOCKSTEP_KIND_RECONCILE) !=
        (request->strategy == LOCKSTEP_STRATEGY_ROLLING)) {
        return "a reconcile is rolling, and nothing else is";
    }
    if (request->kind == LOCKSTEP_KIND_RECONCILE &&
        (request->subject_count != 1 || request->on_failure != LOCKSTEP_ON_FAILURE_HOLD)) {
        return "a reconcile is of one module, and holds on failure";
    }
    if (request->kind != LOCKSTEP_KIND_RECONCILE &&
        (request->by_majority || request->max_changes != 0 || request->max_changes_percent)) {
        return "what is of a reconcile is asked of something else";
    }
    if (request->kind != LOCKSTEP_KIND_RELOAD && request->require_calls != 0) {
        return "calls of the new code are required of a reload";
    }
    if ((request->max_fail_percent && request->max_fail > 100) ||
        (request->quorum_percent && request->quorum > 100) ||
        (request->max_changes_percent && request->max_changes > 100)) {
        return "a percentage is above 100";
    }
    for (uint32_t i = 0; i < request->subject_count; i++) {
        const struct lockstep_wire_subject *subject = &request->subjects[i];
        if (request->kind == LOCKSTEP_KIND_RELOAD && subject->version[0] == '\0') {
            return "a subject has no version";
        }
        for (uint32_t j = 0; j < i; j++) {
            if (lockstep_name_equal(&subject->module, &request->subjects[j].module)) {
                return "a module is named twice";
            }
        }
    }
    return NULL;
}

#define BODY(field, kind, most)                                                                   \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Request, field, kind, struct lockstep_wire_request, field, 0, \
                      most)
static const struct lockstep_wire_field request_rows[] = {
    BODY(operation, ID, 0),
    BODY(kind, ENUM, LOCKSTEP_KIND_RECONCILE),
    BODY(strategy, ENUM, LOCKSTEP_STRATEGY_ROLLING),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__Request, subjects, ROWS, struct lockstep_wire_request,
                         subjects, subject_count, 1, LOCKSTEP_ITEMS_MAX, &subject_shape),
    BODY(selector, TEXT, LOCKSTEP_SELECTOR_MAX),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Request, nodes, NAMES, struct lockstep_wire_request, nodes,
                       node_count, 0, LOCKSTEP_LIST_MAX),
    BODY(install, BOOL, 0),
    BODY(again, BOOL, 0),
    BODY(force, BOOL, 0),
    BODY(no_smoke, BOOL, 0),
    BODY(no_quarantine, BOOL, 0),
    BODY(offline, ENUM, LOCKSTEP_OFFLINE_SKIP),
    BODY(offline_wait_ms, U64, 0),
    BODY(quorum, U32, 0),
    BODY(max_fail, U32, 0),
    BODY(max_fail_given, BOOL, 0),
    BODY(soak_ms, U64, 0),
    BODY(drain_timeout_ms, U64, 0),
    BODY(commit_deadline_ms, U64, 0),
    BODY(rollback_window_ms, U64, 0),
    BODY(deadline_ms, U64, 0),
    BODY(pin_ms, U64, 0),
    BODY(require_calls, U64, 0),
    BODY(on_failure, ENUM, LOCKSTEP_ON_FAILURE_HOLD),
    BODY(drain, ENUM, LOCKSTEP_DRAIN_NEVER),
    BODY(extra, TEXT, LOCKSTEP_EXTRA_MAX),
    BODY(message, TEXT, LOCKSTEP_TEXT_MAX),
    BODY(check_index, U64, 0),
    BODY(max_fail_percent, BOOL, 0),
    BODY(quorum_percent, BOOL, 0),
    BODY(soak_given, BOOL, 0),
    BODY(window_given, BOOL, 0),
    BODY(by_majority, BOOL, 0),
    BODY(max_changes, U32, 0),
    BODY(max_changes_percent, BOOL, 0),
};
SHAPE(request_shape, request, request_rows, struct lockstep_wire_request, check_request);

static const struct lockstep_wire_field plan_rows[] = {
    REST(Plan, plan, request, U64, 0, 0),
    LOCKSTEP_WIRE_WHOLE(Lockstep__V1__Plan, body, struct lockstep_wire, u.plan.body,
                        &request_shape),
};
SHAPE(plan_shape, plan, plan_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field submit_rows[] = {
    REST(Submit, submit, request, U64, 0, 0),
    LOCKSTEP_WIRE_WHOLE(Lockstep__V1__Submit, body, struct lockstep_wire, u.submit.body,
                        &request_shape),
    REST(Submit, submit, index, U64, 0, 0),
    REST(Submit, submit, intent, BLOB, 1, LOCKSTEP_INTENT_MAX),
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Submit, intent_signature, BLOB, struct lockstep_wire,
                      u.submit.signature, LOCKSTEP_KEY_SIGNATURE, LOCKSTEP_KEY_SIGNATURE),
    REST(Submit, submit, queue, BOOL, 0, 0),
};
SHAPE(submit_shape, submit, submit_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field watch_rows[] = {
    REST(Watch, watch, request, U64, 0, 0),
    REST(Watch, watch, operation, TEXT, 1, LOCKSTEP_WORD_MAX),
};
SHAPE(watch_shape, watch, watch_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field abort_rows[] = {
    REST(Abort, abort, request, U64, 0, 0),
    REST(Abort, abort, operation, TEXT, 1, LOCKSTEP_WORD_MAX),
    REST(Abort, abort, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(abort_shape, abort, abort_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field resume_rows[] = {
    REST(Resume, resume, request, U64, 0, 0),
    REST(Resume, resume, accept_loss, BOOL, 0, 0),
    REST(Resume, resume, node, TEXT, 0, LOCKSTEP_NAME_MAX),
    REST(Resume, resume, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(resume_shape, resume, resume_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field cancel_rows[] = {
    REST(Cancel, cancel, request, U64, 0, 0),
    REST(Cancel, cancel, target, U64, 0, 0),
};
SHAPE(cancel_shape, cancel, cancel_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field tool_call_rows[] = {
    REST(ToolCall, tool_call, request, U64, 0, 0),
    REST(ToolCall, tool_call, node, NAME, 0, 0),
    REST(ToolCall, tool_call, tool, TEXT, 0, LOCKSTEP_WORD_MAX),
    REST(ToolCall, tool_call, input, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(ToolCall, tool_call, more, BOOL, 0, 0),
    REST(ToolCall, tool_call, timeout_ms, U64, 0, 0),
};
SHAPE(tool_call_shape, tool_call, tool_call_rows, struct lockstep_wire, NULL);

static const char *check_artifact_put(const void *plain)
{
    const struct lockstep_wire_artifact_put *put =
        &((const struct lockstep_wire *)plain)->u.artifact_put;
    if ((put->manifest.length == 0) != (put->signature.length == 0)) {
        return "manifest and signature come together";
    }
    return put->manifest.length == 0 || put->data.length == 0
               ? NULL
               : "data come after manifest and signature, not with them";
}

static const struct lockstep_wire_field artifact_put_rows[] = {
    REST(ArtifactPut, artifact_put, request, U64, 0, 0),
    REST(ArtifactPut, artifact_put, manifest, BLOB, 0, LOCKSTEP_MANIFEST_MAX),
    REST(ArtifactPut, artifact_put, signature, BLOB, 0, LOCKSTEP_SIGNATURE_MAX),
    REST(ArtifactPut, artifact_put, offset, U64, 0, 0),
    REST(ArtifactPut, artifact_put, data, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(ArtifactPut, artifact_put, more, BOOL, 0, 0),
};
SHAPE(artifact_put_shape, artifact_put, artifact_put_rows, struct lockstep_wire,
      check_artifact_put);

static const struct lockstep_wire_field quarantine_set_rows[] = {
    REST(QuarantineSet, quarantine_set, request, U64, 0, 0),
    REST(QuarantineSet, quarantine_set, artifact, TEXT, 1, LOCKSTEP_WORD_MAX),
    REST(QuarantineSet, quarantine_set, lift, BOOL, 0, 0),
    REST(QuarantineSet, quarantine_set, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(quarantine_set_shape, quarantine_set, quarantine_set_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field token_create_rows[] = {
    REST(TokenCreate, token_create, request, U64, 0, 0),
    REST(TokenCreate, token_create, node, NAME, 0, 0),
    REST(TokenCreate, token_create, life_ms, U64, 0, 0),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__TokenCreate, labels, TEXTS, struct lockstep_wire,
                       u.token_create.labels, u.token_create.label_count, 0, LOCKSTEP_LABELS_MAX),
    REST(TokenCreate, token_create, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(token_create_shape, token_create, token_create_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field token_revoke_rows[] = {
    REST(TokenRevoke, token_revoke, request, U64, 0, 0),
    REST(TokenRevoke, token_revoke, token, TEXT, 1, LOCKSTEP_WORD_MAX),
    REST(TokenRevoke, token_revoke, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(token_revoke_shape, token_revoke, token_revoke_rows, struct lockstep_wire, NULL);

static const char *check_mode(const void *plain)
{
    const struct lockstep_wire *wire = plain;
    const struct lockstep_wire_reconcile_mode *mode = &wire->u.reconcile_mode;
    bool orders = mode->mode == LOCKSTEP_MODE_AUTO;
    if ((mode->standing.length > 0) != orders ||
        mode->signature.length != (orders ? LOCKSTEP_KEY_SIGNATURE : 0)) {
        return "mode auto has a standing order and its signature of 64 bytes, and no other mode "
               "has";
    }
    return NULL;
}

static const struct lockstep_wire_field reconcile_mode_rows[] = {
    REST(ReconcileMode, reconcile_mode, request, U64, 0, 0),
    REST(ReconcileMode, reconcile_mode, mode, ENUM, 0, LOCKSTEP_MODE_AUTO),
    REST(ReconcileMode, reconcile_mode, standing, BLOB, 0, LOCKSTEP_STANDING_MAX),
    LOCKSTEP_WIRE_ONE(Lockstep__V1__ReconcileMode, standing_signature, BLOB, struct lockstep_wire,
                      u.reconcile_mode.signature, 0, LOCKSTEP_KEY_SIGNATURE),
    REST(ReconcileMode, reconcile_mode, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(reconcile_mode_shape, reconcile_mode, reconcile_mode_rows, struct lockstep_wire, check_mode);

static const struct lockstep_wire_field events_rows[] = {
    REST(Events, events, request, U64, 0, 0),
    REST(Events, events, from, U64, 0, 0),
    REST(Events, events, since_ms, U64, 0, 0),
    REST(Events, events, limit, U32, 0, 0),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Events, modules, NAMES, struct lockstep_wire, u.events.modules,
                       u.events.module_count, 0, LOCKSTEP_LIST_MAX),
    REST(Events, events, follow, BOOL, 0, 0),
};
SHAPE(events_shape, events, events_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field audit_rows[] = {
    REST(Audit, audit, request, U64, 0, 0),
    REST(Audit, audit, from, U64, 0, 0),
    REST(Audit, audit, limit, U32, 0, 0),
};
SHAPE(audit_shape, audit, audit_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field node_cordon_rows[] = {
    REST(NodeCordon, node_cordon, request, U64, 0, 0),
    REST(NodeCordon, node_cordon, node, NAME, 0, 0),
    REST(NodeCordon, node_cordon, lift, BOOL, 0, 0),
    REST(NodeCordon, node_cordon, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(node_cordon_shape, node_cordon, node_cordon_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field node_pin_rows[] = {
    REST(NodePin, node_pin, request, U64, 0, 0),
    REST(NodePin, node_pin, node, NAME, 0, 0),
    REST(NodePin, node_pin, module, NAME, 0, 0),
    REST(NodePin, node_pin, version, TEXT, 0, LOCKSTEP_WORD_MAX),
    REST(NodePin, node_pin, life_ms, U64, 0, 0),
    REST(NodePin, node_pin, lift, BOOL, 0, 0),
    REST(NodePin, node_pin, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(node_pin_shape, node_pin, node_pin_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field node_ping_rows[] = {
    REST(NodePing, node_ping, request, U64, 0, 0),
    REST(NodePing, node_ping, node, NAME, 0, 0),
};
SHAPE(node_ping_shape, node_ping, node_ping_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field module_purge_rows[] = {
    REST(ModulePurge, module_purge, request, U64, 0, 0),
    REST(ModulePurge, module_purge, node, NAME, 0, 0),
    REST(ModulePurge, module_purge, module, NAME, 0, 0),
    REST(ModulePurge, module_purge, hard, BOOL, 0, 0),
    REST(ModulePurge, module_purge, wait_ms, U64, 0, 0),
    REST(ModulePurge, module_purge, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(module_purge_shape, module_purge, module_purge_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field node_remove_rows[] = {
    REST(NodeRemove, node_remove, request, U64, 0, 0),
    REST(NodeRemove, node_remove, node, NAME, 0, 0),
    REST(NodeRemove, node_remove, revoke, BOOL, 0, 0),
    REST(NodeRemove, node_remove, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(node_remove_shape, node_remove, node_remove_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field node_admit_rows[] = {
    REST(NodeAdmit, node_admit, request, U64, 0, 0),
    REST(NodeAdmit, node_admit, node, NAME, 0, 0),
    REST(NodeAdmit, node_admit, refuse, BOOL, 0, 0),
    REST(NodeAdmit, node_admit, key, TEXT, 0, 2 * LOCKSTEP_KEY_BYTES),
    REST(NodeAdmit, node_admit, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(node_admit_shape, node_admit, node_admit_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field module_drain_rows[] = {
    REST(ModuleDrain, module_drain, request, U64, 0, 0),
    REST(ModuleDrain, module_drain, module, TEXT, 0, LOCKSTEP_NAME_MAX),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__ModuleDrain, nodes, NAMES, struct lockstep_wire,
                       u.module_drain.nodes, u.module_drain.node_count, 0, LOCKSTEP_LIST_MAX),
    REST(ModuleDrain, module_drain, selector, TEXT, 0, LOCKSTEP_SELECTOR_MAX),
    REST(ModuleDrain, module_drain, resume, BOOL, 0, 0),
    REST(ModuleDrain, module_drain, refuse, BOOL, 0, 0),
    REST(ModuleDrain, module_drain, drain_ms, U64, 0, 0),
    REST(ModuleDrain, module_drain, message, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(module_drain_shape, module_drain, module_drain_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field document_rows[] = {
    REST(Document, document, request, U64, 0, 0),
    REST(Document, document, json, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(Document, document, more, BOOL, 0, 0),
    REST(Document, document, last, BOOL, 0, 0),
};
SHAPE(document_shape, document, document_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field failure_rows[] = {
    REST(Failure, failure, request, U64, 0, 0),
    REST(Failure, failure, exit, U32, 0, 0),
    REST(Failure, failure, code, TEXT, 0, LOCKSTEP_WORD_MAX),
    REST(Failure, failure, text, TEXT, 0, LOCKSTEP_CAUSE_MAX),
    REST(Failure, failure, next, TEXT, 0, LOCKSTEP_CAUSE_MAX),
    REST(Failure, failure, json, BLOB, 0, LOCKSTEP_CHUNK_MAX),
};
SHAPE(failure_shape, failure, failure_rows, struct lockstep_wire, NULL);

const struct lockstep_wire_row lockstep_wire_control_rows[] = {
    {LOCKSTEP_MESSAGE_SHOW, &show_shape},
    {LOCKSTEP_MESSAGE_PLAN, &plan_shape},
    {LOCKSTEP_MESSAGE_WATCH, &watch_shape},
    {LOCKSTEP_MESSAGE_SUBMIT, &submit_shape},
    {LOCKSTEP_MESSAGE_ABORT, &abort_shape},
    {LOCKSTEP_MESSAGE_TOOL_CALL, &tool_call_shape},
    {LOCKSTEP_MESSAGE_ARTIFACT_PUT, &artifact_put_shape},
    {LOCKSTEP_MESSAGE_QUARANTINE_SET, &quarantine_set_shape},
    {LOCKSTEP_MESSAGE_TOKEN_CREATE, &token_create_shape},
    {LOCKSTEP_MESSAGE_TOKEN_REVOKE, &token_revoke_shape},
    {LOCKSTEP_MESSAGE_EVENTS, &events_shape},
    {LOCKSTEP_MESSAGE_AUDIT, &audit_shape},
    {LOCKSTEP_MESSAGE_RESUME, &resume_shape},
    {LOCKSTEP_MESSAGE_CANCEL, &cancel_shape},
    {LOCKSTEP_MESSAGE_NODE_CORDON, &node_cordon_shape},
    {LOCKSTEP_MESSAGE_NODE_PIN, &node_pin_shape},
    {LOCKSTEP_MESSAGE_NODE_REMOVE, &node_remove_shape},
    {LOCKSTEP_MESSAGE_NODE_PING, &node_ping_shape},
    {LOCKSTEP_MESSAGE_MODULE_PURGE, &module_purge_shape},
    {LOCKSTEP_MESSAGE_RECONCILE_MODE, &reconcile_mode_shape},
    {LOCKSTEP_MESSAGE_NODE_ADMIT, &node_admit_shape},
    {LOCKSTEP_MESSAGE_MODULE_DRAIN, &module_drain_shape},
    {LOCKSTEP_MESSAGE_DOCUMENT, &document_shape},
    {LOCKSTEP_MESSAGE_FAILURE, &failure_shape},
};
const size_t lockstep_wire_control_row_count = LOCKSTEP_COUNT(lockstep_wire_control_rows);
