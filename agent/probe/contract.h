/*
 * What is asked of a probe and what it answers, as structs and as JSON.
 *
 * The agent writes a request ("lockstep/probe-request/v1"), starts `lockstep-probe --trial
 * --request FD`, and reads one line, the verdict ("lockstep/probe/v1"), from its standard output.
 * This room links jansson alone, so the agent can use it without the libraries of the probe. Both
 * directions are validated: a module shares its address space with the half of the probe that tries
 * it out, so a verdict is material to judge, too. The probe shows honest mistakes; what guards
 * against malice is the signature.
 */
#ifndef LOCKSTEP_PROBE_CONTRACT_H
#define LOCKSTEP_PROBE_CONTRACT_H

#include "agent/probe/checks.h"
#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/tbl/no.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_PROBE_SCHEMA         "lockstep/probe/v1"
#define LOCKSTEP_PROBE_REQUEST_SCHEMA "lockstep/probe-request/v1"
#define LOCKSTEP_PROBE_DOCUMENT_MAX   (4 * 1024 * 1024) /* bytes of a request or a verdict */
#define LOCKSTEP_PROBE_FINDINGS_MAX   32
#define LOCKSTEP_PROBE_LIBRARIES_MAX  32
#define LOCKSTEP_PROBE_PRESENT_MAX    LOCKSTEP_NODE_MODULES_MAX
#define LOCKSTEP_PROBE_TOOLS_MAX      64
#define LOCKSTEP_PROBE_BUILD_ID_TEXT  65   /* hexadecimal, with the NUL */
#define LOCKSTEP_PROBE_ABI_TEXT       16   /* "1.0", with the NUL */
#define LOCKSTEP_PROBE_OUTPUT_MAX     1024 /* last bytes of what the modules wrote */
#define LOCKSTEP_PROBE_PATH_MAX       4096

/* How much of a module's state survives going back, as far as the trial could show it.
 *  X(NAME, "text") */
#define LOCKSTEP_PROBE_ROLLBACK_TABLE(X) \
    X(UNKNOWN, "unknown")                \
    X(STATELESS, "stateless")            \
    X(LOSSLESS, "lossless")              \
    X(JOURNALED, "journaled")            \
    X(SNAPSHOT, "snapshot")              \
    X(NONE, "none")

enum lockstep_probe_rollback {
#define LOCKSTEP_PROBE_ROLLBACK_ENUM(name, text) LOCKSTEP_PROBE_ROLLBACK_##name,
    LOCKSTEP_PROBE_ROLLBACK_TABLE(LOCKSTEP_PROBE_ROLLBACK_ENUM)
#undef LOCKSTEP_PROBE_ROLLBACK_ENUM
        LOCKSTEP_PROBE_ROLLBACK_COUNT
};

/* Where a trial is, or where it ended.  X(NAME, "text") */
#define LOCKSTEP_PROBE_STAGE_TABLE(X) \
    X(START, "start")                 \
    X(STATIC, "static")               \
    X(CONSTRUCTOR, "constructor")     \
    X(LOAD, "load")                   \
    X(STATE, "state")                 \
    X(SMOKE, "smoke")                 \
    X(RETIRE, "retire")               \
    X(DONE, "done")

enum lockstep_probe_stage {
#define LOCKSTEP_PROBE_STAGE_ENUM(name, text) LOCKSTEP_PROBE_STAGE_##name,
    LOCKSTEP_PROBE_STAGE_TABLE(LOCKSTEP_PROBE_STAGE_ENUM)
#undef LOCKSTEP_PROBE_STAGE_ENUM
        LOCKSTEP_PROBE_STAGE_COUNT
};

/* A module that must be there beside another, at this version or a later one. */
struct lockstep_probe_requirement {
    struct lockstep_name module;
    char version[LOCKSTEP_VERSION_MAX + 1]; /* empty: any */
};

/* What is known of a module without running it. Fields that could not be read are empty or 0. */
struct lockstep_probe_facts {
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_VERSION_MAX + 1];
    char abi[LOCKSTEP_PROBE_ABI_TEXT];
    char build_id[LOCKSTEP_PROBE_BUILD_ID_TEXT];
    struct lockstep_digest digest;
    struct lockstep_md5 md5;
    uint64_t size;                         /* bytes */
    uint64_t state_schema;                 /* 0: stateless */
    enum lockstep_probe_rollback rollback; /* what its functions offer; a trial may prove less */
    bool constructor_declared;
    bool debug_info; /* as a compiler's -g leaves it in the file */
    size_t requires_count;
    size_t tools_count;
    struct lockstep_probe_requirement requires[LOCKSTEP_ITEMS_MAX];
    char tools[LOCKSTEP_PROBE_TOOLS_MAX][LOCKSTEP_NAME_MAX + 1];
};

/* What a manifest or an order says a module must be. Empty, zero: that is not asked. */
struct lockstep_probe_expectation {
    struct lockstep_name module;
    struct lockstep_name service;
    char version[LOCKSTEP_VERSION_MAX + 1];
    struct lockstep_digest digest;
    uint64_t size;
    bool state_schema_given;
    uint64_t state_schema;
    enum lockstep_probe_rollback rollback; /* at least; UNKNOWN: it says nothing of it */
};

/* One module to try. Files are given by a path or by a descriptor that the probe inherits. */
struct lockstep_probe_subject {
    char file[LOCKSTEP_PROBE_PATH_MAX]; /* empty: file_fd */
    int file_fd;                        /* -1: file */
    int config_fd;                      /* -1: an empty configuration */
    int snapshot_fd;                    /* the live state in canonical form, -1: none */
    uint64_t waives;                    /* a bit for each check that the manifest waives */
    struct lockstep_probe_expectation expect;
};

struct lockstep_probe_request {
    uint64_t deadline_ms;  /* for the whole trial */
    uint64_t memory_bytes; /* of address space */
    uint64_t file_bytes;   /* largest artifact */
    bool smoke;
    bool look_only;                     /* the static checks, in the sandbox, and nothing else */
    char extra[LOCKSTEP_EXTRA_MAX + 1]; /* what `up` and `down` get */
    size_t libraries_count;             /* allowed beside those of the platform */
    size_t present_count;               /* modules that are live, beside the subjects */
    size_t subjects_count;
    char libraries[LOCKSTEP_PROBE_LIBRARIES_MAX][LOCKSTEP_NAME_MAX + 1];
    struct lockstep_probe_requirement present[LOCKSTEP_PROBE_PRESENT_MAX];
    struct lockstep_probe_subject subjects[LOCKSTEP_ITEMS_MAX];
};

/* A check that failed, or would have if it were not waived. */
struct lockstep_probe_finding {
    enum lockstep_probe_check check;
    enum lockstep_no no;
    size_t subject; /* index */
    char text[LOCKSTEP_TEXT_MAX + 1];
};

struct lockstep_probe_outcome {
    char file[LOCKSTEP_PROBE_PATH_MAX]; /* as it was given, for messages */
    struct lockstep_probe_facts facts;
    enum lockstep_probe_rollback rollback;
    uint64_t waives; /* of the request */
    uint64_t smoke_passed;
    uint64_t smoke_count;
};

/* What the sandbox was made of. Landlock is 0 where the kernel has none. */
struct lockstep_probe_sandbox {
    bool seccomp;
    uint32_t landlock; /* the ABI version in force */
    bool limits;
    bool watched;      /* what it refused is known by name */
    bool user_dropped; /* it ran as nobody; only who starts it as root can have that */
};

struct lockstep_probe_verdict {
    bool ok;
    bool trial;          /* false: static checks alone */
    enum lockstep_no no; /* of the first finding */
    enum lockstep_probe_stage stage;
    uint64_t elapsed_us;
    char probe_build_id[LOCKSTEP_PROBE_BUILD_ID_TEXT]; /* with the next, part of a cache's key */
    char libc_build_id[LOCKSTEP_PROBE_BUILD_ID_TEXT];
    struct lockstep_probe_sandbox sandbox;
    char output[LOCKSTEP_PROBE_OUTPUT_MAX + 1]; /* what the modules wrote, its end */
    size_t findings_count;
    size_t waived_count;
    size_t subjects_count;
    struct lockstep_probe_finding waived[LOCKSTEP_PROBE_FINDINGS_MAX];
    struct lockstep_probe_finding findings[LOCKSTEP_PROBE_FINDINGS_MAX];
    struct lockstep_probe_outcome subjects[LOCKSTEP_ITEMS_MAX];
};

const char *lockstep_probe_rollback_text(enum lockstep_probe_rollback rollback);
/* False if it is none of the texts. */
bool lockstep_probe_rollback_parse(const char *text, enum lockstep_probe_rollback *ret_rollback);
const char *lockstep_probe_stage_text(enum lockstep_probe_stage stage);

/* A request with its defaults and no subject, on the heap; NULL if there is no memory. Its subjects
 * are not cleared: each begins with _subject_init. */
struct lockstep_probe_request *lockstep_probe_request_new(void);
struct lockstep_probe_request *lockstep_probe_request_free(struct lockstep_probe_request *request);
/* A subject with nothing given: descriptors -1. */
void lockstep_probe_subject_init(struct lockstep_probe_subject *subject);
/* Adds the check NAME to the set *WAIVES. False if there is none, or it cannot be waived. */
bool lockstep_probe_waive(const char *name, uint64_t *waives);
/* JSON on one line, to be freed; NULL if there is no memory. */
char *lockstep_probe_request_print(const struct lockstep_probe_request *request);
/* INVALID with the cause, NOMEM. *RET_REQUEST is to be freed with lockstep_probe_request_free. */
enum lockstep_err lockstep_probe_request_parse(const char *text, size_t length,
                                               struct lockstep_probe_request **ret_request,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* A verdict that says yes about nothing, on the heap; NULL if there is no memory. */
struct lockstep_probe_verdict *lockstep_probe_verdict_new(void);
struct lockstep_probe_verdict *lockstep_probe_verdict_free(struct lockstep_probe_verdict *verdict);
/* Adds a finding, which makes the verdict a no unless the subject's manifest waives the check.
 * Beyond LOCKSTEP_PROBE_FINDINGS_MAX it is dropped. */
void lockstep_probe_verdict_find(struct lockstep_probe_verdict *verdict, size_t subject,
                                 enum lockstep_probe_check check, const char *format, ...)
    LOCKSTEP_PRINTF(4, 5);
/* The same with another NO than the check's own. */
void lockstep_probe_verdict_find_as(struct lockstep_probe_verdict *verdict, size_t subject,
                                    enum lockstep_probe_check check, enum lockstep_no no,
                                    const char *text);
/* JSON on one line, to be freed; NULL if there is no memory. */
char *lockstep_probe_verdict_print(const struct lockstep_probe_verdict *verdict);
/* INVALID with the cause, NOMEM. *RET_VERDICT is to be freed with lockstep_probe_verdict_free. */
enum lockstep_err lockstep_probe_verdict_parse(const char *text, size_t length,
                                               struct lockstep_probe_verdict **ret_verdict,
                                               struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
