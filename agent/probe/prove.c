/* The proof that going back loses nothing: down(up(S)) = S, and up(down(up(S))) = up(S). */
#include "agent/probe/run.h"

#include "agent/probe/records.h"

#define STATE_MAX (1024ULL * 1024 * 1024) /* bytes of one bag of records */

/* The four bags of a proof. */
struct proof {
    const struct lockstep_probe_running *running;
    uint32_t from;             /* schema of the snapshot */
    struct lockstep_records s; /* the snapshot */
    struct lockstep_records up_s;
    struct lockstep_records down_up_s; /* with residue */
    struct lockstep_records up_down_up_s;
};

static enum lockstep_probe_rollback *class_of(const struct lockstep_probe_running *running)
{
    return &running->trial->verdict->subjects[running->index].rollback;
}

/* False: a finding says why the state does not go up. */
static bool go_up(const struct proof *proof, struct lockstep_records *state)
{
    struct lockstep_probe_words why;
    lockstep_probe_words_init(&why);
    lockstep_records_rewind(state);
    lockstep_probe_begin(proof->running, LOCKSTEP_PROBE_STAGE_STATE, "up", 0);
    if (proof->running->module.up(proof->from, &state->source, &why.sink) == 0) {
        return true;
    }
    lockstep_probe_note(proof->running, LOCKSTEP_PROBE_CHECK_STATE,
                        "it does not take over the state of schema %u: %s", proof->from,
                        lockstep_probe_words_text(&why));
    return false;
}

static bool save(const struct proof *proof, struct lockstep_records *ret_state)
{
    lockstep_probe_begin(proof->running, LOCKSTEP_PROBE_STAGE_STATE, "save", 0);
    if (proof->running->module.save(&ret_state->sink) == 0 && !lockstep_records_repeat(ret_state)) {
        return true;
    }
    lockstep_probe_note(proof->running, LOCKSTEP_PROBE_CHECK_STATE,
                        "it cannot write its state, or writes a key twice");
    return false;
}

/* Going down to the schema one is on is saving. */
static bool go_down(const struct proof *proof, struct lockstep_records *ret_state)
{
    const struct lockstep_module *module = &proof->running->module;
    if (proof->from == module->identity->state_schema) {
        return module->save(&ret_state->sink) == 0;
    }
    lockstep_probe_begin(proof->running, LOCKSTEP_PROBE_STAGE_STATE, "down", 0);
    return module->down != NULL && module->down(proof->from, &ret_state->sink) == 0;
}

/* Not being able to go back is no reason to refuse: the plan shows it, the operator decides. */
static void prove(struct proof *proof)
{
    enum lockstep_probe_rollback *class = class_of(proof->running);
    if (!go_up(proof, &proof->s) || !save(proof, &proof->up_s)) {
        return;
    }
    *class = LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT;
    if (!go_down(proof, &proof->down_up_s) ||
        !lockstep_records_equal(&proof->down_up_s, &proof->s) || !go_up(proof, &proof->down_up_s) ||
        !save(proof, &proof->up_down_up_s)) {
        return;
    }
    if (lockstep_records_equal(&proof->up_s, &proof->up_down_up_s)) {
        *class = LOCKSTEP_PROBE_ROLLBACK_LOSSLESS;
    }
}

/* Without a snapshot the module's own empty state stands in, which proves little. */
static bool fill(struct proof *proof, bool *ret_real)
{
    const struct lockstep_probe_running *running = proof->running;
    const struct lockstep_probe_blob *snapshot = &running->trial->material[running->index].snapshot;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    *ret_real = snapshot->bytes != NULL;
    if (!*ret_real) {
        proof->from = running->module.identity->state_schema;
        return save(proof, &proof->s);
    }
    if (lockstep_records_parse(&proof->s, snapshot->bytes, snapshot->size, &proof->from, &err) !=
        LOCKSTEP_OK) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_STATE, "the snapshot: %s", err.message);
        return false;
    }
    return true;
}

void lockstep_probe_prove(const struct lockstep_probe_running *running)
{
    struct proof proof = {.running = running};
    struct lockstep_records *const bags[] = {&proof.s, &proof.up_s, &proof.down_up_s,
                                             &proof.up_down_up_s};
    bool real = false;
    if (running->module.identity->state_schema == 0) {
        *class_of(running) = LOCKSTEP_PROBE_ROLLBACK_STATELESS;
        return;
    }
    if (running->module.up == NULL || running->module.save == NULL) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_STATE,
                            "it has a state schema, and no functions to save it and take it over");
        return;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(bags); i++) {
        lockstep_records_init(bags[i], STATE_MAX);
        bags[i]->sink.extra = running->trial->request->extra;
        bags[i]->source.extra = running->trial->request->extra;
    }
    if (fill(&proof, &real)) {
        prove(&proof);
    }
    if (!real) {
        *class_of(running) = LOCKSTEP_PROBE_ROLLBACK_UNKNOWN;
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(bags); i++) {
        lockstep_records_deinit(bags[i]);
    }
}
