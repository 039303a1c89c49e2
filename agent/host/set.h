/*
 * Sets of versions: prepared without a trace, live at one instant.
 *
 * One thread of the host, the control thread, does everything here; callers only ever meet the
 * gate. A set holds at most one version a module. Only _prepare and _close can refuse: after them
 * _publish is one store. Between _close and _publish the gates of stateful modules, and of those
 * that require them, are shut and the new version holds the state; the old one still has it too.
 *
 * An item without an image takes its module out: from the publish on nobody finds its tools, calls
 * in flight end in it, its state ends with it, and what requires it makes the set refused.
 */
#ifndef LOCKSTEP_HOST_SET_H
#define LOCKSTEP_HOST_SET_H

#include "agent/host/keep.h"

#define LOCKSTEP_SETS_MAX      LOCKSTEP_OPERATIONS_MAX
#define LOCKSTEP_PUBLISHED_MAX 64 /* operations whose PUBLISH may come again */

/* A module's name, for as long as the host lives. */
struct lockstep_module_line {
    struct lockstep_module_line *next;
    struct lockstep_gate gate;
    struct lockstep_name name;
    struct lockstep_image *live; /* NULL: none, or taken out */
    uint64_t generation;         /* the highest that was live */
    uint32_t waiting;            /* mark of walks over dependents */
    uint64_t drain_end_ms; /* an operator's drain waits until then, monotonic; 0: it does not */
    struct lockstep_bag residue; /* what the live version's schema cannot hold */
    struct lockstep_keep keep;   /* what outlives the live version */
    bool restarted;              /* it began with what a host that died had kept */
};

struct lockstep_set_item {
    struct lockstep_module_line *line;
    struct lockstep_image *image; /* NULL: the module is taken out */
    uint64_t generation;
    bool mapped; /* by this set: else the image was there before */
    bool has_residue;
    struct lockstep_bag residue;      /* what the line's becomes */
    struct lockstep_kept kept;        /* likewise */
    char said[LOCKSTEP_TEXT_MAX + 1]; /* what was lost on the way of its state; or empty */
    bool restarted;                   /* likewise */
};

struct lockstep_set {
    struct lockstep_id operation;
    bool used;
    bool stateful;
    bool closed;
    uint64_t reopen_ms; /* when closed: monotonic time after which the gates open again */
    char extra[LOCKSTEP_EXTRA_MAX + 1]; /* for `up` and `down` */
    const struct lockstep_set *also;    /* while it is checked together with another */
    size_t count;
    struct lockstep_set_item items[LOCKSTEP_HOSTWIRE_ENTRIES_MAX]; /* in dependency order */
};

/* The state of all that is live is handed to another process: see set_swap.c. */
struct lockstep_sets_freeze {
    bool on;
    bool left;          /* for good, until it is thawed */
    uint64_t reopen_ms; /* else it ends then */
    struct lockstep_id operation;
};

struct lockstep_sets {
    struct lockstep_host *host;
    /* Told now and then while the control thread waits for calls in flight; NULL: nobody is. */
    void (*waits)(void *context);
    void *waits_context;
    struct lockstep_module_line *lines;
    struct lockstep_image *images;
    uint32_t images_count; /* indices given out, ever */
    uint32_t spare_count;
    uint32_t spare[LOCKSTEP_IMAGES_MAX]; /* indices to give out again */
    struct lockstep_set sets[LOCKSTEP_SETS_MAX];
    struct lockstep_id published[LOCKSTEP_PUBLISHED_MAX];
    size_t published_next;
    struct lockstep_sets_freeze freeze;
    /* What is kept of a module is another, and nobody is let in yet. May be NULL. */
    void (*keep_changed)(void *context, struct lockstep_module_line *line);
    void *keep_context;
};

/* Maps, loads and tries the versions of ORDER (a PREPARE message); an entry without a file takes
 * its module out. Asking again for an operation that is prepared gives the same set. NULL: refused,
 * without a trace. */
struct lockstep_set *lockstep_sets_prepare(struct lockstep_sets *sets,
                                           const struct lockstep_hostwire_message *order,
                                           struct lockstep_refusal *ret_refusal);
/* NULL if it is not prepared. */
struct lockstep_set *lockstep_sets_find(struct lockstep_sets *sets,
                                        const struct lockstep_id *operation);
/* True if the operation's set has been published. */
bool lockstep_sets_published(const struct lockstep_sets *sets, const struct lockstep_id *operation);
/* Forgets a set; opens its gates. */
void lockstep_sets_drop(struct lockstep_sets *sets, struct lockstep_set *set);
/* Forgets all sets but those that are closed, which are decided. */
void lockstep_sets_drop_open(struct lockstep_sets *sets);

/* Shuts the gates, waits DRAIN_MS at most for calls in flight, hands the state over. With ALL the
 * stateless modules of the set are drained as well. False: refused, the gates are open again. */
bool lockstep_sets_close(struct lockstep_sets *sets, struct lockstep_set *set, uint32_t drain_ms,
                         bool all, struct lockstep_refusal *ret_refusal);
/* Opens the gates of a set that is closed; it stays prepared. */
void lockstep_sets_reopen(struct lockstep_sets *sets, struct lockstep_set *set);
/* Makes the set live. Frees it on success. */
bool lockstep_sets_publish(struct lockstep_sets *sets, struct lockstep_set *set,
                           struct lockstep_refusal *ret_refusal);

/* The window of that version is over (0: of all that are not live). It is retired once nobody can
 * call into it, at the latest at one of the next calls of _collect. */
void lockstep_sets_retire(struct lockstep_sets *sets, const char *module, uint64_t generation,
                          uint64_t by);
/* Retires what is due; opens sets whose time to publish is over. */
void lockstep_sets_collect(struct lockstep_sets *sets, uint64_t now_ms);
/* How many versions are retired or wait for it. */
uint32_t lockstep_sets_retired(const struct lockstep_sets *sets);

/* What a purge did. */
struct lockstep_purge {
    uint32_t unmapped;
    uint32_t left;                   /* retired versions that are still there */
    char why[LOCKSTEP_TEXT_MAX + 1]; /* one of them, and what keeps it; empty if none is left */
};

/* Unmaps the retired versions of MODULE ("": of all) that nobody can reach, and waits WAIT_MS at
 * most for calls in flight in those that are still to be retired. HARD does not wait, and takes
 * also those that were linked with code that runs when they go. What a thread is in stays in any
 * case: to unmap it would be the end of the process. */
void lockstep_sets_purge(struct lockstep_sets *sets, const char *module, bool hard,
                         uint32_t wait_ms, struct lockstep_purge *ret_purge);

/* Shuts a module for an operator: callers wait, or with REFUSE are refused. Does not wait itself:
 * lockstep_sets_collect() ends it when no call is in flight, or opens the gate again when one is
 * after DRAIN_MS. Once more changes wait and refuse, and begins the time anew if it still waits.
 * Nested calls pass: what requires the module goes on. False: refused. */
bool lockstep_sets_drain(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                         bool refuse, struct lockstep_refusal *ret_refusal);
bool lockstep_sets_resume(struct lockstep_sets *sets, const char *module);
enum lockstep_hostwire_drain lockstep_sets_drain_state(const struct lockstep_module_line *line);
/* Ends drains that are done, or have taken too long. */
void lockstep_sets_drain_collect(struct lockstep_sets *sets, uint64_t now_ms);
/* Writes the live state of MODULE to a sealed memfd; shuts its gate meanwhile. */
bool lockstep_sets_snapshot(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                            int *ret_fd, struct lockstep_refusal *ret_refusal);

/* Shuts the gates of all modules with state, and waits for calls in flight; with ALL, of every
 * module. Again for the same operation, what is frozen stays so. False: refused, open again. */
bool lockstep_sets_freeze(struct lockstep_sets *sets, const struct lockstep_id *operation,
                          uint32_t drain_ms, bool all, struct lockstep_refusal *ret_refusal);
/* The state of a live module of a frozen process in the form of WANTED's schema: its records, and
 * the residue kept for another schema (-1: none), as sealed memfds. Where there is no way down, the
 * state at the commit, with the journal since then; or nothing, if WANTED is `closed`: who asks has
 * an older state that will do. */
bool lockstep_sets_give(struct lockstep_sets *sets, const struct lockstep_hostwire_entry *wanted,
                        struct lockstep_hostwire_entry *ret_entry,
                        struct lockstep_refusal *ret_refusal);
/* Makes what _give wrote the state of a live module that nobody calls. */
bool lockstep_sets_adopt(struct lockstep_sets *sets, const struct lockstep_hostwire_entry *entry,
                         const char *extra, struct lockstep_refusal *ret_refusal);
/* Names the modules that an operator has drained in entries of MESSAGE; and shuts just those that
 * MESSAGE names so. */
void lockstep_sets_name_drained(const struct lockstep_sets *sets,
                                struct lockstep_hostwire_message *message);
void lockstep_sets_drain_named(struct lockstep_sets *sets,
                               const struct lockstep_hostwire_message *message);
/* The state stays as it was given. False: the time was over, or it was never frozen; it has to be
 * given again. */
bool lockstep_sets_leave(struct lockstep_sets *sets);
/* Opens the gates of what was frozen for OPERATION, if it has not left; NULL: whatever it was. */
void lockstep_sets_thaw(struct lockstep_sets *sets, const struct lockstep_id *operation);
/* Makes a new base for MODULE, with a journal that begins there; its gate is shut meanwhile. Calls
 * since the last commit are then no longer there to be done again by the version before. */
bool lockstep_sets_base(struct lockstep_sets *sets, const char *module, uint32_t drain_ms,
                        struct lockstep_refusal *ret_refusal);
/* The same for every module with state, before the host ends. */
void lockstep_sets_base_all(struct lockstep_sets *sets);

/* For the host's end: `retire` for all that is loaded, text readable, memory freed. */
void lockstep_sets_deinit(struct lockstep_sets *sets);

/* Between set*.c files. */
/* A number for one more image, in the gate's counts. False: the budget is spent. */
bool lockstep_sets_take_index(struct lockstep_sets *sets, uint32_t *ret_index,
                              struct lockstep_refusal *ret_refusal);
/* A moment that grows with the attempts, for what is looked at again and again. */
void lockstep_sets_pause(unsigned attempt);
struct lockstep_module_line *lockstep_sets_line(const struct lockstep_sets *sets, const char *name);
/* The image that MODULE has after SET is published (SET may be NULL); NULL if none. */
struct lockstep_image *lockstep_sets_image(const struct lockstep_sets *sets,
                                           const struct lockstep_set *set, const char *module);
/* Everything that the modules that are there after SET require is there too. */
bool lockstep_sets_complete(const struct lockstep_sets *sets, const struct lockstep_set *set,
                            struct lockstep_refusal *ret_refusal);
/* Puts the items in dependency order; cycles are allowed inside one set. */
void lockstep_set_sort(struct lockstep_set *set);
/* The table of what is live after SET; NULL if a tool is there twice or there is no memory. */
struct lockstep_gate_table *lockstep_sets_table(const struct lockstep_sets *sets,
                                                const struct lockstep_set *set,
                                                struct lockstep_refusal *ret_refusal);
/* True if one of its two versions has state, so that its gate is shut for the swap. What is taken
 * out hands nothing over; but calls of it that are written down have to have ended. */
bool lockstep_item_has_state(const struct lockstep_set_item *item);
/* Hands the state of one module over, within LIMIT_MS, with the operator's EXTRA. */
bool lockstep_item_migrate(struct lockstep_set_item *item, const char *extra, uint64_t limit_ms,
                           struct lockstep_refusal *ret_refusal);
/* Between set_state.c and set_swap.c: whether IMAGE can begin with a state of SCHEMA; whether it
 * can write its own in the older schema TO; and what takes what is no residue of STATE along its
 * steps from one schema to another, on a job's thread (0, or not and WHY; without steps nothing).
 */
bool lockstep_state_takes(const struct lockstep_image *image, uint32_t schema,
                          struct lockstep_refusal *ret_refusal);
bool lockstep_state_goes_down(const struct lockstep_image *image, uint32_t to);
int lockstep_state_walk(const struct lockstep_image *image, uint32_t from, uint32_t to,
                        struct lockstep_bag *state, struct lockstep_job_why *why);
/* True if there is a way for the state from the live version to the item's. */
bool lockstep_item_has_way(const struct lockstep_set_item *item,
                           struct lockstep_refusal *ret_refusal);
/* Gives what was kept elsewhere to a version that is not live. */
bool lockstep_item_begin(struct lockstep_set_item *item, const char *extra,
                         const struct lockstep_hostwire_entry *entry,
                         struct lockstep_refusal *ret_refusal);
/* The state in BASE_FD (borrowed) is the new base of LINE. Its gate is shut. */
bool lockstep_sets_keep_base(struct lockstep_sets *sets, struct lockstep_module_line *line,
                             int base_fd, struct lockstep_refusal *ret_refusal);
/* The live version is what it is for good: what leads back is dropped, it is told. */
void lockstep_sets_finalize(struct lockstep_sets *sets, struct lockstep_module_line *line);
/* Makes new bases where journals are getting full. */
void lockstep_sets_keep_tick(struct lockstep_sets *sets, uint64_t now_ms);
/* Marks LINE and what requires it; opens and shuts all that are marked, once neither calls nor live
 * smoke tests are in them. */
void lockstep_sets_mark(struct lockstep_sets *sets, struct lockstep_module_line *line);
void lockstep_sets_unmark(struct lockstep_sets *sets);
/* True while a set is closed: the marks are its. */
bool lockstep_sets_any_closed(const struct lockstep_sets *sets);
bool lockstep_sets_shut_marked(struct lockstep_sets *sets, uint32_t drain_ms,
                               struct lockstep_refusal *ret_refusal);
void lockstep_sets_open_marked(struct lockstep_sets *sets);

#endif
