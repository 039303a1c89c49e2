/*
 * The exec driver: reload of what is no host of modules. A service like nginx or redis is driven by
 * five programs that its configuration names, the verbs of common/tbl/verbs.h; an artifact for it
 * is any file.
 *
 *     PROBE     validate of every item
 *     MAP       the files are laid out, then snapshot of every item
 *     MIGRATE   apply of every item in the order of the set, then health of every item
 *     DROP, or a failed MIGRATE      revert, in the opposite order, of what was begun
 *     (pointer row)                  it is kept: nothing is left to do that could fail
 *     RETIRE    the snapshot is removed; until then health is asked again and again
 *
 * Invariants
 *  - A record of what is about to be applied is on disk before the first program that may change
 *    the service is started. An agent that dies finds it: what the journal's pointer row does not
 *    confirm is reverted before the service counts as up. A program of a dead agent is killed
 *    first, so that never two work on one service.
 *  - What a service runs is what its modules' pointer rows say, or it is not up: after a revert
 * that failed nobody knows. It is tried again, with pauses that grow, until it works.
 *  - One set at a time works on a service; sets that share none go on side by side.
 *  - A snapshot is not taken anew once its set is kept.
 *
 * The files of a set are in DATA/exec/OPERATION/SERVICE/MODULE: `file` and `previous`, private
 * copies, 0444, hashed while they were copied; and `work`, which is the programs' own until the
 * window is over.
 *
 * It decides nothing about an operation and knows no core. Callbacks come from the loop, but for
 * `done` of what needs no program: that may come within the call that asked.
 */
#ifndef LOCKSTEP_AGENT_EXEC_H
#define LOCKSTEP_AGENT_EXEC_H

#include "agent/core/agent.h"
#include "common/io/artifacts.h"
#include "common/io/config.h"
#include "common/io/loop.h"

#define LOCKSTEP_EXEC_SETS_MAX 32 /* sets that are applied, kept or being reverted */

struct lockstep_exec;

struct lockstep_exec_item {
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    struct lockstep_digest digest;   /* zeros: the module is taken out */
    struct lockstep_digest previous; /* zeros: there was none */
};

struct lockstep_exec_set {
    struct lockstep_id operation;
    const struct lockstep_exec_item *items;
    size_t items_count;
};

struct lockstep_exec_config {
    const char *data_directory; /* exists; exec/ comes into being in it */
    const struct lockstep_artifacts *artifacts;
    const struct lockstep_config_service *services; /* those with `exec` given are ours */
    size_t services_count;
    struct lockstep_defaults settings;
    /* Answer to _validate, _prepare, _apply and _undo. */
    void (*done)(void *context, const struct lockstep_work_result *result);
    /* Does the journal's pointer row have this item, or a newer one? */
    bool (*holds)(void *context, const struct lockstep_exec_item *item);
    /* Is the operation still under way here, its window too? */
    bool (*open)(void *context, const struct lockstep_id *operation);
    /* The service is as the pointer rows say; or nobody knows what it runs. */
    void (*up)(void *context, const struct lockstep_name *service);
    void (*lost)(void *context, const struct lockstep_name *service);
    /* In its window a version is not healthy any more; it was looked at since then. */
    void (*unhealthy)(void *context, const struct lockstep_exec_item *item,
                      struct lockstep_time since, const char *text);
    void *context;
};

/* Ends the programs of an agent that died. Nothing is up before lockstep_exec_begin(). IO, NOMEM;
 * CONFIG's strings and lists outlive it. */
enum lockstep_err lockstep_exec_new(struct lockstep_loop *loop,
                                    const struct lockstep_exec_config *config,
                                    struct lockstep_exec **ret_exec,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Kills what runs; records stay for the next agent. No callback comes any more. NULL is fine.
 * Always NULL. */
struct lockstep_exec *lockstep_exec_free(struct lockstep_exec *exec);

/* The journal has been read, so `holds` and `open` may be asked. What was applied and is not held
 * is reverted; `up` comes for every service, at once or when that is done. */
void lockstep_exec_begin(struct lockstep_exec *exec);

/* Would the service run what is new in the set? Nothing of the service is changed. */
void lockstep_exec_validate(struct lockstep_exec *exec, uint32_t ticket,
                            const struct lockstep_exec_set *wanted);
/* Puts by what it would replace. The answer is `stateful`: COMMIT has to apply before the row. */
void lockstep_exec_prepare(struct lockstep_exec *exec, uint32_t ticket,
                           const struct lockstep_exec_set *wanted);
/* Applies a prepared set, and sees that it is healthy. If not, it is reverted before the answer. */
void lockstep_exec_apply(struct lockstep_exec *exec, uint32_t ticket,
                         const struct lockstep_id *operation);
/* Reverts an applied set because something else of the operation failed; then answers that WHY. */
void lockstep_exec_undo(struct lockstep_exec *exec, const struct lockstep_work_result *why,
                        const struct lockstep_id *operation);
/* The pointer row is durable: what is applied stays. */
void lockstep_exec_keep(struct lockstep_exec *exec, const struct lockstep_id *operation);
/* The pointer row was taken back: a kept set is reverted; `lost` comes now, `up` when it is done.
 */
void lockstep_exec_fall(struct lockstep_exec *exec, const struct lockstep_id *operation);
/* The operation is called off. Open questions are not answered; what is applied is reverted, unless
 * it is kept. */
void lockstep_exec_drop(struct lockstep_exec *exec, const struct lockstep_id *operation);
/* The window is over: forgets a kept set. */
void lockstep_exec_retire(struct lockstep_exec *exec, const struct lockstep_id *operation);

/* True if the configuration drives this service by verbs. */
bool lockstep_exec_drives(const struct lockstep_exec *exec, const struct lockstep_name *service);

#endif
