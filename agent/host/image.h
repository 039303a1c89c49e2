/*
 * One mapped version of one module.
 *
 * An image is mapped from a private copy whose device and inode must be those that were asked for;
 * that pair is its identity. It is never unmapped once calls may have reached it: when its window
 * is over and nobody can call into it, its text is made unreadable, so that a pointer that escaped
 * faults instead of running old code. An image that was never live is unmapped, if none of its code
 * is still running.
 */
#ifndef LOCKSTEP_HOST_IMAGE_H
#define LOCKSTEP_HOST_IMAGE_H

#include "agent/host/gate.h"
#include "agent/host/job.h"
#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/hostwire/hostwire.h"

#define LOCKSTEP_LOAD_LIMIT_MS   10000 /* for `load` */
#define LOCKSTEP_RETIRE_LIMIT_MS 2000  /* for `retire`: nothing else is done meanwhile */

struct lockstep_host;

/* Why something is refused: the name of a NO code (common/tbl/no.h) and a text. */
struct lockstep_refusal {
    const char *code; /* "SMOKE" */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

/* Sets *REFUSAL and evaluates to false. */
bool lockstep_host_refuse(struct lockstep_refusal *refusal, const char *code, const char *format,
                          ...) LOCKSTEP_PRINTF(3, 4);

struct lockstep_image {
    struct lockstep_host_api api; /* first: what the module gets leads back here */
    struct lockstep_host *host;
    struct lockstep_image *next; /* of all of a host */
    uint32_t index;              /* in the gate's counts */
    void *handle;
    struct lockstep_gate *gate; /* of its module */
    struct lockstep_name name;
    char version[LOCKSTEP_VERSION_MAX + 1];
    struct lockstep_identity identity; /* a copy as long as ours */
    struct lockstep_module module;     /* likewise */
    struct lockstep_digest digest;
    uint64_t device;
    uint64_t inode;
    char path[LOCKSTEP_HOSTWIRE_PATH_MAX + 1];
    uint64_t generation; /* under which it is or was live; 0: never */
    enum lockstep_hostwire_state state;
    bool loaded; /* `load` has been well */
    bool stuck;  /* some of its code did not end in time: it stays mapped, and is not used again */
    bool finalized; /* its window is over, and it has been told so */
    bool due;       /* retire it as soon as nobody can call into it */
    uint8_t *text;  /* its executable pages */
    size_t text_size;
    struct lockstep_live_smoke *smoke; /* while it was live, owned; NULL: none */
    const char *stays;                 /* why it is not unmapped without force; NULL: it may be */
};

/* Maps the copy that ENTRY names and checks what it finds: device, inode, descriptor, name and
 * version. NULL: refused. INDEX is the image's place in the gate's counts. */
struct lockstep_image *lockstep_image_map(struct lockstep_host *host,
                                          const struct lockstep_hostwire_entry *entry,
                                          uint32_t index, struct lockstep_refusal *ret_refusal);
/* True if the module says that it requires MODULE. */
bool lockstep_image_needs(const struct lockstep_image *image, const char *module);
/* Calls `load` with CONFIG (SIZE bytes and a NUL; taken over). */
bool lockstep_image_load(struct lockstep_image *image, char *config, size_t size,
                         struct lockstep_refusal *ret_refusal);
/* Runs the smoke tests, several at once, each within its limit. */
bool lockstep_image_smoke(struct lockstep_image *image, struct lockstep_refusal *ret_refusal);
/* The same for a list of them, by whoever has the time. *RET_STUCK: one did not end. */
bool lockstep_smokes_run(const struct lockstep_smoke *smokes, uint32_t count, bool *ret_stuck,
                         struct lockstep_refusal *ret_refusal);
/* Runs the smoke tests of a version that is live beside the calls, once a generation: the first
 * call begins, each looks. False: they failed, or still run (BUSY). */
bool lockstep_image_smoke_live(struct lockstep_image *image, struct lockstep_refusal *ret_refusal);
/* True while they run: the image may not be retired, and its state not be touched. */
bool lockstep_image_smoking(struct lockstep_image *image);
/* Forgets them, whatever they are doing. */
void lockstep_image_smoke_drop(struct lockstep_image *image);
/* Calls `retire`, once, if `load` has been well. One that does not end in time leaves the image
 * stuck. Nobody may be able to call into it. */
void lockstep_image_end(struct lockstep_image *image);
/* Takes an image that was never live away: `retire`, then unmapped and freed unless it is stuck.
 * True if it is gone. */
bool lockstep_image_unmap(struct lockstep_image *image);
/* Calls `retire` and makes the text unreadable, unless it is stuck. Nobody may be able to call into
 * it. */
void lockstep_image_retire(struct lockstep_image *image);
/* Unmaps and frees a retired image that nobody can reach. False: the loader keeps it, for good, and
 * `stays` says so. */
bool lockstep_image_purge(struct lockstep_image *image);
/* Makes the text readable again, for what runs when a process ends. */
void lockstep_image_thaw(struct lockstep_image *image);

#endif
