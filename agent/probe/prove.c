/* The proof that going back loses nothing: down(up(S)) = S, and up(down(up(S))) = up(S). */
#include "agent/probe/run.h"

#include "agent/host/path.h"
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

static bool has_path(const struct proof *proof, uint32_t from, uint32_t to,
                     struct lockstep_path *ret_path)
{
    const struct lockstep_module *module = &proof->running->module;
    lockstep_path_find(module->steps, module->steps_count, from, to, ret_path);
    return ret_path->found;
}

/* Residue goes around the steps, as it does in a host. */
static bool copy(struct lockstep_records *from, bool residue, struct lockstep_records *ret_to)
{
    struct lockstep_record record;
    bool well = true;
    lockstep_records_rewind(from);
    while (well && from->source.next(&from->source, &record)) {
        well = record.residue != residue || ret_to->sink.put(&ret_to->sink, &record);
    }
    return well;
}

static bool take_step(const struct lockstep_step *step, struct lockstep_records *from,
                      struct lockstep_records *ret_to, struct lockstep_sink *why)
{
    struct lockstep_records plain;
    bool well;
    lockstep_records_init(&plain, STATE_MAX);
    plain.source.extra = from->source.extra;
    ret_to->sink.extra = from->sink.extra;
    ret_to->source.extra = from->source.extra;
    well = copy(from, false, &plain) && copy(from, true, ret_to);
    lockstep_records_rewind(&plain);
    well = well && step->run(&plain.source, &ret_to->sink, why) == 0;
    lockstep_records_deinit(&plain);
    return well;
}

/* Takes STATE along PATH. */
static bool walk(const struct lockstep_path *path, struct lockstep_records *state,
                 struct lockstep_sink *why)
{
    bool well = true;
    for (size_t i = 0; well && i < path->count; i++) {
        struct lockstep_records made;
        lockstep_records_init(&made, STATE_MAX);
        well = take_step(path->steps[i], state, &made, why) &&
               (lockstep_records_clear(state), copy(&made, false, state)) &&
               copy(&made, true, state);
        lockstep_records_deinit(&made);
    }
    return well;
}

/* `up` of a copy of STATE, along the steps if there are some. */
static bool take_up(const struct proof *proof, struct lockstep_records *state,
                    struct lockstep_sink *why)
{
    const struct lockstep_module *module = &proof->running->module;
    uint32_t mine = module->identity->state_schema;
    struct lockstep_path path = {.found = true};
    struct lockstep_records taken;
    bool well;
    if (module->steps_count > 0 && !has_path(proof, proof->from, mine, &path)) {
        (void)lockstep_sink_print(why, "no step leads on from schema %u towards %u", path.stops_at,
                                  mine);
        return false;
    }
    lockstep_records_init(&taken, STATE_MAX);
    taken.source.extra = state->source.extra;
    taken.sink.extra = state->sink.extra;
    well = copy(state, false, &taken) && copy(state, true, &taken) && walk(&path, &taken, why);
    lockstep_records_rewind(&taken);
    well = well &&
           module->up(module->steps_count > 0 ? mine : proof->from, &taken.source, why) == 0;
    lockstep_records_deinit(&taken);
    return well;
}

/* False: a finding says why the state does not go up. */
static bool go_up(const struct proof *proof, struct lockstep_records *state)
{
    struct lockstep_probe_words why;
    lockstep_probe_words_init(&why);
    lockstep_probe_begin(proof->running, LOCKSTEP_PROBE_STAGE_STATE, "up", 0);
    if (take_up(proof, state, &why.sink)) {
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
    struct lockstep_probe_words why;
    struct lockstep_path path;
    if (proof->from == module->identity->state_schema) {
        return module->save(&ret_state->sink) == 0;
    }
    lockstep_probe_begin(proof->running, LOCKSTEP_PROBE_STAGE_STATE, "down", 0);
    if (module->down != NULL) {
        return module->down(proof->from, &ret_state->sink) == 0;
    }
    lockstep_probe_words_init(&why);
    return has_path(proof, module->identity->state_schema, proof->from, &path) &&
           module->save(&ret_state->sink) == 0 && walk(&path, ret_state, &why.sink);
}

/* Not being able to go back is no reason to refuse: the plan shows it, the operator decides. */
static void prove(struct proof *proof)
{
    enum lockstep_probe_rollback *class = class_of(proof->running);
    if (!go_up(proof, &proof->s) || !save(proof, &proof->up_s)) {
        return;
    }
    *class = proof->running->module.apply != NULL ? LOCKSTEP_PROBE_ROLLBACK_JOURNALED
                                                  : LOCKSTEP_PROBE_ROLLBACK_SNAPSHOT;
    if ((proof->running->module.identity->flags & LOCKSTEP_MODULE_NO_WAY_BACK) != 0) {
        *class = LOCKSTEP_PROBE_ROLLBACK_NONE;
        return;
    }
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

/* A manifest that says more than a trial with the live state could show is wrong. */
static void compare_claim(const struct lockstep_probe_running *running)
{
    enum lockstep_probe_rollback claim =
        running->trial->request->subjects[running->index].expect.rollback;
    enum lockstep_probe_rollback proven = *class_of(running);
    if (claim >= LOCKSTEP_PROBE_ROLLBACK_LOSSLESS && proven > claim) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_STATE,
                            "its manifest says that going back is %s; with the state that is "
                            "here it is %s",
                            lockstep_probe_rollback_text(claim),
                            lockstep_probe_rollback_text(proven));
    }
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
    if (!lockstep_path_valid(running->module.steps, running->module.steps_count)) {
        lockstep_probe_note(running, LOCKSTEP_PROBE_CHECK_STATE, "its steps make no sense");
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
    } else {
        compare_claim(running);
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(bags); i++) {
        lockstep_records_deinit(bags[i]);
    }
}
