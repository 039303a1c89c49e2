/* Messages between coordinator and agent, as rows. */
#include "common/base/assert.h"
#include "common/io/bundle.h"
#include "common/io/wire_shape.h"

#include "lockstep/v1/agent.pb-c.h"

#define SAME(table, name)                                             \
    STATIC_ASSERT((int)LOCKSTEP_##table##_##name ==                   \
                      (int)LOCKSTEP__V1__##table##__##table##_##name, \
                  "common/tbl/words.h and proto/ must have the same numbers");
#define SAME_STRATEGY(number, name, text)   SAME(STRATEGY, name)
#define SAME_KIND(number, name, text)       SAME(KIND, name)
#define SAME_ON_FAILURE(number, name, text) SAME(ON_FAILURE, name)
#define SAME_OFFLINE(number, name, text)    SAME(OFFLINE, name)
#define SAME_DRAIN(number, name, text)      SAME(DRAIN, name)
#define SAME_OUTCOME(number, name, text)    SAME(OUTCOME, name)
#define SAME_APPLIED(number, name, text)    SAME(APPLIED, name)
#define SAME_MODE(number, name, text)       SAME(MODE, name)
#define SAME_DISK(number, name, text)       SAME(DISK, name)
LOCKSTEP_STRATEGY_TABLE(SAME_STRATEGY)
LOCKSTEP_KIND_TABLE(SAME_KIND)
LOCKSTEP_ON_FAILURE_TABLE(SAME_ON_FAILURE)
LOCKSTEP_OFFLINE_TABLE(SAME_OFFLINE)
LOCKSTEP_DRAIN_TABLE(SAME_DRAIN)
LOCKSTEP_OUTCOME_TABLE(SAME_OUTCOME)
LOCKSTEP_APPLIED_TABLE(SAME_APPLIED)
LOCKSTEP_DISK_TABLE(SAME_DISK)
LOCKSTEP_MODE_TABLE(SAME_MODE)
SAME(ARTIFACT_PART, BYTES)
SAME(ARTIFACT_PART, MANIFEST)
SAME(ARTIFACT_PART, SIGNATURE)

/* clang-format off */
/* REST for what cores use. */
#define CORE(message_type, member, field, kind, least, most)                                \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__##message_type, field, kind, struct lockstep_wire,      \
                      message.u.member.field, least, most)
/* clang-format on */

#define LIVE(field, kind) \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Live, field, kind, struct lockstep_live, field, 0, 0)
static const struct lockstep_wire_field live_rows[] = {
    LIVE(module, NAME),
    LIVE(generation, U64),
    LIVE(digest, DIGEST),
};
SHAPE(live_shape, live, live_rows, struct lockstep_live, NULL);

#define OPEN(field, kind) \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Open, field, kind, struct lockstep_open, field, 0, 0)
static const struct lockstep_wire_field open_rows[] = {
    OPEN(operation, ID),
    OPEN(decided, BOOL),
};
SHAPE(open_shape, open, open_rows, struct lockstep_open, NULL);

#define ITEM(field, kind) \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Item, field, kind, struct lockstep_item, field, 0, 0)
static const struct lockstep_wire_field item_rows[] = {
    ITEM(module, NAME),
    ITEM(generation, U64),
    ITEM(digest, DIGEST),
    ITEM(leaving, DIGEST_OR_NONE),
};
SHAPE(item_shape, item, item_rows, struct lockstep_item, NULL);

static const char *check_welcome(const void *plain)
{
    const struct lockstep_wire *wire = plain;
    uint32_t version = wire->message.u.welcome.version;
    return wire->u.welcome.version_min <= version && version <= wire->u.welcome.version_max
               ? NULL
               : "the chosen version is outside the range";
}

static const struct lockstep_wire_field welcome_rows[] = {
    CORE(Welcome, welcome, version, U32, 0, 0),
    REST(Welcome, welcome, version_min, U32, 0, 0),
    REST(Welcome, welcome, version_max, U32, 0, 0),
    REST(Welcome, welcome, software, TEXT, 0, LOCKSTEP_VERSION_MAX),
    CORE(Welcome, welcome, epoch, U64, 0, 0),
    CORE(Welcome, welcome, decision_sequence, U64, 0, 0),
    CORE(Welcome, welcome, journal, ID, 0, 0),
    CORE(Welcome, welcome, heartbeat_ms, U64, 0, 0),
    CORE(Welcome, welcome, unix_ms, U64, 0, 0),
};
SHAPE(welcome_shape, welcome, welcome_rows, struct lockstep_wire, check_welcome);

static const struct lockstep_wire_field refused_rows[] = {
    REST(Refused, refused, version_min, U32, 0, 0),
    REST(Refused, refused, version_max, U32, 0, 0),
    REST(Refused, refused, reason, TEXT, 0, LOCKSTEP_TEXT_MAX),
    REST(Refused, refused, waiting, BOOL, 0, 0),
};
SHAPE(refused_shape, refused, refused_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field state_rows[] = {
    CORE(State, state, journal, ID, 0, 0),
    CORE(State, state, epoch, U64, 0, 0),
    CORE(State, state, decision_sequence, U64, 0, 0),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__State, live, ARRAY, struct lockstep_wire,
                         message.u.state.live, message.u.state.live_count, 0, LOCKSTEP_ITEMS_MAX,
                         &live_shape),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__State, open, ARRAY, struct lockstep_wire,
                         message.u.state.open, message.u.state.open_count, 0, LOCKSTEP_ITEMS_MAX,
                         &open_shape),
    CORE(State, state, more, BOOL, 0, 0),
};
SHAPE(state_shape, state, state_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_shape ready_shape = {&lockstep__v1__ready__descriptor, NULL, 0,
                                                       sizeof(struct lockstep_wire), NULL};

/* A standing order is whole, and comes with what can only be ordered under one. */
static const char *check_standing(const struct lockstep_wire *wire)
{
    const struct lockstep_wire_prepare *papers = &wire->u.prepare;
    bool there = papers->standing.length > 0;
    if (papers->standing_signature.length != (there ? LOCKSTEP_KEY_SIGNATURE : 0) ||
        (papers->standing_signer.text[0] != '\0') != there) {
        return "a standing order has a signature of 64 bytes and a signer";
    }
    return there && wire->message.u.prepare.kind != LOCKSTEP_KIND_RECONCILE
               ? "a standing order is for a reconcile, and for nothing else"
               : NULL;
}

static const char *check_prepare(const void *plain)
{
    const struct lockstep_wire *wire = plain;
    const struct lockstep_prepare *prepare = &wire->message.u.prepare;
    if (lockstep_id_is_zero(&prepare->parent) != (prepare->kind != LOCKSTEP_KIND_COMPENSATION)) {
        return "a compensation has a parent, and nothing else has one";
    }
    if (wire->u.prepare.signature.length !=
        (wire->u.prepare.intent.length == 0 ? 0 : LOCKSTEP_KEY_SIGNATURE)) {
        return "an intent has a signature of 64 bytes";
    }
    for (uint32_t i = 0; i < prepare->item_count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (lockstep_name_equal(&prepare->items[i].module, &prepare->items[j].module)) {
                return "a module is named twice";
            }
        }
    }
    return check_standing(wire);
}

static const struct lockstep_wire_field prepare_rows[] = {
    CORE(Prepare, prepare, operation, ID, 0, 0),
    CORE(Prepare, prepare, parent, ID_OR_NONE, 0, 0),
    CORE(Prepare, prepare, epoch, U64, 0, 0),
    CORE(Prepare, prepare, kind, ENUM, 0, LOCKSTEP_KIND_RECONCILE),
    CORE(Prepare, prepare, strategy, ENUM, 0, LOCKSTEP_STRATEGY_ROLLING),
    CORE(Prepare, prepare, drain, ENUM, 0, LOCKSTEP_DRAIN_NEVER),
    CORE(Prepare, prepare, drain_timeout_ms, U64, 0, 0),
    CORE(Prepare, prepare, prepare_ms, U64, 0, 0),
    CORE(Prepare, prepare, again, BOOL, 0, 0),
    CORE(Prepare, prepare, no_smoke, BOOL, 0, 0),
    CORE(Prepare, prepare, roster_size, U32, 0, 0),
    CORE(Prepare, prepare, roster, DIGEST, 0, 0),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__Prepare, items, ARRAY, struct lockstep_wire,
                         message.u.prepare.items, message.u.prepare.item_count, 1,
                         LOCKSTEP_ITEMS_MAX, &item_shape),
    REST(Prepare, prepare, intent, BLOB, 0, LOCKSTEP_INTENT_MAX),
    LOCKSTEP_WIRE_ONE(Lockstep__V1__Prepare, intent_signature, BLOB, struct lockstep_wire,
                      u.prepare.signature, 0, LOCKSTEP_KEY_SIGNATURE),
    REST(Prepare, prepare, signer, NAME_OR_NONE, 0, 0),
    REST(Prepare, prepare, extra, TEXT, 0, LOCKSTEP_EXTRA_MAX),
    REST(Prepare, prepare, standing, BLOB, 0, LOCKSTEP_STANDING_MAX),
    REST(Prepare, prepare, standing_signature, BLOB, 0, LOCKSTEP_KEY_SIGNATURE),
    REST(Prepare, prepare, standing_signer, NAME_OR_NONE, 0, 0),
};
SHAPE(prepare_shape, prepare, prepare_rows, struct lockstep_wire, check_prepare);

static const char *check_vote(const void *plain)
{
    const struct lockstep_vote *vote = &((const struct lockstep_wire *)plain)->message.u.vote;
    return vote->yes == (vote->no == LOCKSTEP_NO_UNSPECIFIED)
               ? NULL
               : "a NO has a code, and a YES has none";
}

static const struct lockstep_wire_field vote_rows[] = {
    CORE(Vote, vote, operation, ID, 0, 0),
    CORE(Vote, vote, epoch, U64, 0, 0),
    CORE(Vote, vote, yes, BOOL, 0, 0),
    CORE(Vote, vote, no, NO, 0, 0),
    CORE(Vote, vote, text, CHARS, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(vote_shape, vote, vote_rows, struct lockstep_wire, check_vote);

static const char *check_decision(const void *plain)
{
    const struct lockstep_message *message = &((const struct lockstep_wire *)plain)->message;
    enum lockstep_outcome outcome = message->u.decision.outcome;
    if (message->type == LOCKSTEP_MESSAGE_DECISION && outcome != LOCKSTEP_OUTCOME_COMMIT &&
        outcome != LOCKSTEP_OUTCOME_ABORT) {
        return "a decision is commit or abort";
    }
    if (message->type == LOCKSTEP_MESSAGE_FINAL && outcome != LOCKSTEP_OUTCOME_FINAL) {
        return "its outcome must be final";
    }
    return NULL;
}

static const struct lockstep_wire_field decision_rows[] = {
    CORE(Decision, decision, operation, ID, 0, 0),
    CORE(Decision, decision, epoch, U64, 0, 0),
    CORE(Decision, decision, sequence, U64, 0, 0),
    CORE(Decision, decision, outcome, ENUM, 0, LOCKSTEP_OUTCOME_FINAL),
};
SHAPE(decision_shape, decision, decision_rows, struct lockstep_wire, check_decision);

static const struct lockstep_wire_field ack_rows[] = {
    CORE(Ack, ack, operation, ID, 0, 0),
    CORE(Ack, ack, epoch, U64, 0, 0),
    CORE(Ack, ack, applied, ENUM, 0, LOCKSTEP_APPLIED_FELL_BACK),
    CORE(Ack, ack, no, NO, 0, 0),
    CORE(Ack, ack, text, CHARS, 0, LOCKSTEP_TEXT_MAX),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__Ack, live, ARRAY, struct lockstep_wire, message.u.ack.live,
                         message.u.ack.live_count, 0, LOCKSTEP_ITEMS_MAX, &live_shape),
};
SHAPE(ack_shape, ack, ack_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field query_rows[] = {
    CORE(Query, query, operation, ID, 0, 0),
    CORE(Query, query, epoch, U64, 0, 0),
};
SHAPE(query_shape, query, query_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field heartbeat_rows[] = {
    CORE(Heartbeat, heartbeat, sequence, U64, 0, 0),
};
SHAPE(heartbeat_shape, heartbeat, heartbeat_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field checkpoint_rows[] = {
    REST(Checkpoint, checkpoint, sequence, U64, 0, 0),
    REST(Checkpoint, checkpoint, audit_sequence, U64, 0, 0),
    REST(Checkpoint, checkpoint, audit_head, DIGEST, 0, 0),
};
SHAPE(checkpoint_shape, checkpoint, checkpoint_rows, struct lockstep_wire, NULL);

#define TOOL(field, kind, most)                                                                \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__ToolCounts, field, kind, struct lockstep_wire_tool_counts, \
                      field, 0, most)
static const struct lockstep_wire_field tool_counts_rows[] = {
    TOOL(tool, CHARS, LOCKSTEP_TOOL_MAX),
    TOOL(version, CHARS, LOCKSTEP_VERSION_MAX),
    TOOL(live, BOOL, 0),
    TOOL(calls, U64, 0),
    TOOL(failed, U64, 0),
    TOOL(in_flight, U64, 0),
};
SHAPE(tool_counts_shape, tool_counts, tool_counts_rows, struct lockstep_wire_tool_counts, NULL);

#define MODULE(field, kind, most)                                                                  \
    LOCKSTEP_WIRE_ONE(Lockstep__V1__ModuleReport, field, kind, struct lockstep_wire_module, field, \
                      0, most)
static const struct lockstep_wire_field module_rows[] = {
    MODULE(module, NAME, 0),
    MODULE(service, NAME, 0),
    MODULE(version, CHARS, LOCKSTEP_VERSION_MAX),
    MODULE(generation, U64, 0),
    MODULE(digest, DIGEST, 0),
    MODULE(md5, MD5, 0),
    MODULE(disk, ENUM, LOCKSTEP_DISK_REMOVED),
    MODULE(disk_digest, DIGEST_OR_NONE, 0),
    MODULE(previous, DIGEST_OR_NONE, 0),
    MODULE(in_flight, U64, 0),
    MODULE(calls, U64, 0),
    MODULE(hosts, U32, 0),
    MODULE(config_digest, DIGEST_OR_NONE, 0),
    MODULE(loaded_unix_ms, U64, 0),
    MODULE(state_schema, U32, 0),
    MODULE(driver, U32, 0),
    MODULE(gate, ENUM, LOCKSTEP_GATE_DRAINED),
    MODULE(failed, U64, 0),
    MODULE(behind, U64, 0),
    MODULE(retired, U32, 0),
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__ModuleReport, tools, ARRAY, struct lockstep_wire_module,
                         tools, tool_count, 0, LOCKSTEP_REPORT_TOOLS_MAX, &tool_counts_shape),
};
SHAPE(module_shape, module_report, module_rows, struct lockstep_wire_module, NULL);

static const struct lockstep_wire_field report_rows[] = {
    LOCKSTEP_WIRE_SHAPES(Lockstep__V1__Report, modules, ROWS, struct lockstep_wire,
                         u.report.modules, u.report.module_count, 0, LOCKSTEP_REPORTS_MAX,
                         &module_shape),
    REST(Report, report, more, BOOL, 0, 0),
    REST(Report, report, disk_free_bytes, U64, 0, 0),
    REST(Report, report, memory_used_percent, U32, 0, 0),
    REST(Report, report, host_restarts, U32, 0, 0),
    REST(Report, report, host_recycles, U32, 0, 0),
    REST(Report, report, died, TEXT, 0, LOCKSTEP_TEXT_MAX),
    REST(Report, report, died_module, NAME_OR_NONE, 0, 0),
};
SHAPE(report_shape, report, report_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field fetch_rows[] = {
    REST(Fetch, fetch, digest, DIGEST, 0, 0),
    REST(Fetch, fetch, part, ENUM, 0, LOCKSTEP_ARTIFACT_PART_SIGNATURE),
    REST(Fetch, fetch, offset, U64, 0, 0),
    REST(Fetch, fetch, request, U64, 0, 0),
};
SHAPE(fetch_shape, fetch, fetch_rows, struct lockstep_wire, NULL);

static const char *check_chunk(const void *plain)
{
    const struct lockstep_wire_chunk *chunk = &((const struct lockstep_wire *)plain)->u.chunk;
    if (chunk->missing) {
        return chunk->data.length == 0 && !chunk->more ? NULL : "what is missing has no data";
    }
    return chunk->offset <= chunk->total && chunk->data.length <= chunk->total - chunk->offset
               ? NULL
               : "the data go beyond the total";
}

static const struct lockstep_wire_field chunk_rows[] = {
    REST(Chunk, chunk, request, U64, 0, 0),
    REST(Chunk, chunk, digest, DIGEST, 0, 0),
    REST(Chunk, chunk, part, ENUM, 0, LOCKSTEP_ARTIFACT_PART_SIGNATURE),
    REST(Chunk, chunk, offset, U64, 0, 0),
    REST(Chunk, chunk, total, U64, 0, 0),
    REST(Chunk, chunk, data, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(Chunk, chunk, more, BOOL, 0, 0),
    REST(Chunk, chunk, missing, BOOL, 0, 0),
};
SHAPE(chunk_shape, chunk, chunk_rows, struct lockstep_wire, check_chunk);

static const struct lockstep_wire_field quarantine_rows[] = {
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Quarantine, digests, DIGESTS, struct lockstep_wire,
                       u.quarantine.digests, u.quarantine.digest_count, 0, LOCKSTEP_DIGESTS_MAX),
    REST(Quarantine, quarantine, more, BOOL, 0, 0),
    REST(Quarantine, quarantine, first, BOOL, 0, 0),
};
SHAPE(quarantine_shape, quarantine, quarantine_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field bundle_rows[] = {
    REST(Bundle, bundle, text, BLOB, 1, LOCKSTEP_BUNDLE_MAX),
    LOCKSTEP_WIRE_LIST(Lockstep__V1__Bundle, signatures, SIGNATURES, struct lockstep_wire,
                       u.bundle.signatures, u.bundle.signature_count, 0,
                       LOCKSTEP_BUNDLE_SIGNATURES_MAX),
};
SHAPE(bundle_shape, bundle, bundle_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field tool_run_rows[] = {
    REST(ToolRun, tool_run, request, U64, 0, 0),
    REST(ToolRun, tool_run, tool, TEXT, 0, LOCKSTEP_WORD_MAX),
    REST(ToolRun, tool_run, input, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(ToolRun, tool_run, timeout_ms, U64, 0, 0),
    REST(ToolRun, tool_run, more, BOOL, 0, 0),
};
SHAPE(tool_run_shape, tool_run, tool_run_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field tool_result_rows[] = {
    REST(ToolResult, tool_result, request, U64, 0, 0),
    REST(ToolResult, tool_result, ok, BOOL, 0, 0),
    REST(ToolResult, tool_result, output, BLOB, 0, LOCKSTEP_CHUNK_MAX),
    REST(ToolResult, tool_result, more, BOOL, 0, 0),
    REST(ToolResult, tool_result, text, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(tool_result_shape, tool_result, tool_result_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field drain_rows[] = {
    REST(GateDrain, drain, request, U64, 0, 0),
    REST(GateDrain, drain, module, TEXT, 0, LOCKSTEP_NAME_MAX),
    REST(GateDrain, drain, resume, BOOL, 0, 0),
    REST(GateDrain, drain, refuse, BOOL, 0, 0),
    REST(GateDrain, drain, drain_ms, U64, 0, 0),
};
SHAPE(drain_shape, gate_drain, drain_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field drained_rows[] = {
    REST(GateDrained, drained, request, U64, 0, 0),
    REST(GateDrained, drained, ok, BOOL, 0, 0),
    REST(GateDrained, drained, text, TEXT, 0, LOCKSTEP_TEXT_MAX),
};
SHAPE(drained_shape, gate_drained, drained_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field resolved_rows[] = {
    REST(Resolved, resolved, operation, ID, 0, 0),
    REST(Resolved, resolved, commit, BOOL, 0, 0),
    REST(Resolved, resolved, uid, U32, 0, 0),
    REST(Resolved, resolved, reason, TEXT, 1, LOCKSTEP_TEXT_MAX),
    REST(Resolved, resolved, unix_ms, U64, 0, 0),
};
SHAPE(resolved_shape, resolved, resolved_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field purge_rows[] = {
    REST(Purge, purge, request, U64, 0, 0),
    REST(Purge, purge, module, NAME, 0, 0),
    REST(Purge, purge, hard, BOOL, 0, 0),
    REST(Purge, purge, wait_ms, U64, 0, 0),
};
SHAPE(purge_shape, purge, purge_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field ping_rows[] = {
    REST(Ping, ping, request, U64, 0, 0),
};
SHAPE(ping_shape, ping, ping_rows, struct lockstep_wire, NULL);

static const struct lockstep_wire_field pong_rows[] = {
    REST(Pong, ping, request, U64, 0, 0),
};
SHAPE(pong_shape, pong, pong_rows, struct lockstep_wire, NULL);

const struct lockstep_wire_row lockstep_wire_agent_rows[] = {
    {LOCKSTEP_MESSAGE_WELCOME, &welcome_shape},
    {LOCKSTEP_MESSAGE_REFUSED, &refused_shape},
    {LOCKSTEP_MESSAGE_STATE, &state_shape},
    {LOCKSTEP_MESSAGE_VOTE, &vote_shape},
    {LOCKSTEP_MESSAGE_ACK, &ack_shape},
    {LOCKSTEP_MESSAGE_QUERY, &query_shape},
    {LOCKSTEP_MESSAGE_HEARTBEAT, &heartbeat_shape},
    {LOCKSTEP_MESSAGE_REPORT, &report_shape},
    {LOCKSTEP_MESSAGE_FETCH, &fetch_shape},
    {LOCKSTEP_MESSAGE_TOOL_RESULT, &tool_result_shape},
    {LOCKSTEP_MESSAGE_PONG, &pong_shape},
    {LOCKSTEP_MESSAGE_RESOLVED, &resolved_shape},
    {LOCKSTEP_MESSAGE_DRAINED, &drained_shape},
    {LOCKSTEP_MESSAGE_DRAIN, &drain_shape},
    {LOCKSTEP_MESSAGE_READY, &ready_shape},
    {LOCKSTEP_MESSAGE_PREPARE, &prepare_shape},
    {LOCKSTEP_MESSAGE_DECISION, &decision_shape},
    {LOCKSTEP_MESSAGE_OUTCOME, &decision_shape},
    {LOCKSTEP_MESSAGE_FINAL, &decision_shape},
    {LOCKSTEP_MESSAGE_CHUNK, &chunk_shape},
    {LOCKSTEP_MESSAGE_CHECKPOINT, &checkpoint_shape},
    {LOCKSTEP_MESSAGE_QUARANTINE, &quarantine_shape},
    {LOCKSTEP_MESSAGE_BUNDLE, &bundle_shape},
    {LOCKSTEP_MESSAGE_TOOL_RUN, &tool_run_shape},
    {LOCKSTEP_MESSAGE_PURGE, &purge_shape},
    {LOCKSTEP_MESSAGE_PING, &ping_shape},
};
const size_t lockstep_wire_agent_row_count = LOCKSTEP_COUNT(lockstep_wire_agent_rows);
