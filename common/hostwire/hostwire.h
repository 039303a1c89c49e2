/*
 * What an agent and a host say to each other, and the one codec for both sides.
 *
 * One message is one packet of a SOCK_SEQPACKET unix socket: at most LOCKSTEP_HOST_FRAME_MAX bytes
 * of tag, length, value (little-endian), with descriptors beside it (SCM_RIGHTS). The agent
 * listens, the host connects and speaks first:
 *
 *     host                                   agent
 *     HELLO {versions, pid, service,
 *            what is mapped}          →
 *                                     ←      WELCOME {version} | REFUSED {text}
 *     READY                           →      it answers requests from here on
 *
 * Every request of the agent has an id, and every reply repeats it:
 *
 *     LISTENERS {descriptors}                OK           tool sockets to serve
 *     GIVE_LISTENERS                         LISTENERS    the host's, duplicated
 *     PREPARE {operation, smoke, extra, entries}   PREPARED {stateful, entries} | REFUSED
 *     DROP {operation}                       OK           also when it is not known
 *     CLOSE {operation, drain}               MIGRATED | NOT_APPLIED      gates stay shut
 *     REOPEN {operation}                     OK           back to the old version, still prepared
 *     PUBLISH {operation}                    PUBLISHED | NOT_APPLIED
 *     RETIRE {entries: module, generation, by}   OK       that version's window is over
 *     PURGE {text: module or none,            ANSWER {bytes: a line: unmapped, left, what keeps one
 *            drain: hard, drain_ms}                 of those that are left}
 *     STATUS                                 STATUS {entries, more} …
 *     COUNTS                                 COUNTS {entries: a tool of a version each, more} …
 *     DRAIN {text: module, drain, refuse}    OK, and STATUS tells when | NOT_APPLIED
 *     RESUME {text: module}                  OK | NOT_APPLIED
 *     SNAPSHOT {text: module, drain}         SNAPSHOT {state, a sealed memfd} | NOT_APPLIED
 *     CALL {text: tool, bytes}               ANSWER {result, generation, version, bytes}
 *     TOOLS {offset}                         ANSWER {bytes, more}
 *     TOOLS {bytes: "json", text: tool}      ANSWER {bytes, version: where to go on}
 *     BASE {text: module, drain}             OK | NOT_APPLIED   a new base, and a new journal
 *     SMOKE {text: module, generation}       OK: the smoke tests of that live version are good |
 *                                            NOT_APPLIED: not good, or they still run (BUSY); the
 *                                            first one starts them
 *     SHUTDOWN                               OK, and the host ends (lockstep-host) or goes silent
 *
 * A process swap is between two hosts of one service, the one that serves and a second one that was
 * started with --successor and WAITS (HELLO and STATUS say the role):
 *
 *     HAND_OVER {drain, entries: module, schema}   HAND_OVER {entries: module, schema, state}
 *                                            of the one that serves; its gates stay shut, as after
 *                                            CLOSE, until LEAVE, REOPEN or the drain time
 *     ADOPT {extra, entries: module, schema, state}   OK | NOT_APPLIED      of the other
 *     TAKE_OVER {socket}                     OK           it serves as soon as the other has left;
 *                                            without a socket: at once
 *     LEAVE {socket}                         OK | NOT_APPLIED   no call begins in it any more
 *
 * The socket is one of a pair: over it the host that leaves says TAKE_OVER, then hands over its
 * established connections, each when the request under way is answered, without the agent (which
 * may have died): TAKE_OVER {connections}, or {a connection, a file; offset} when OFFSET bytes of
 * the next request have been read, which the file holds. A host that has left keeps its modules
 * and their state until it is told to TAKE_OVER again, or to SHUTDOWN. An entry's state is two
 * files: `state_fd` has the records, `config_fd` the residue that is kept for another schema. An
 * entry of HAND_OVER that is `closed` may come back without: who wants it has an older state of its
 * own, and goes on with that where there is no way down. Where the schema stays and there is a
 * state at the commit, `back_fd` has that, `journal_fd` the calls since if it is `whole`: they are
 * in the state already. The answer, and ADOPT, also name the modules that an operator has drained:
 * they are so in the other process, too.
 *
 * A set whose COMMIT is at hand is published by PUBLISH alone, unless PREPARED said `stateful`:
 * then CLOSE first, the pointer row when MIGRATED has come, then PUBLISH. Between the two the gates
 * are shut; when the agent does not go on within the drain time, the host opens them on the old
 * version and PUBLISH answers NOT_APPLIED. Going back is a PREPARE like any other, naming the
 * private copy of the old version: an image that is still mapped is used again (as it was loaded,
 * with the configuration of then; another copy is mapped and loaded anew), with state by
 * `down`. An entry of PREPARE without a path and a digest takes the module out. The
 * host sends HEALTH by itself when the library has latched, and STATUS with no id now and then
 * while it waits for calls in flight, for it answers nothing else then.
 *
 * KEEP {entry: module, generation, base, journal, state at the commit} comes by itself: after READY
 * for every module that has state, and whenever what is kept of one is another, before anybody is
 * let in. The agent holds the descriptors, so they outlive the host, and gives them to the next one
 * with PREPARE. One without any descriptor: nothing is kept any more. A version that is `finalized`
 * is so in the next host as well, and in a successor (ADOPT) that runs the same generation.
 *
 * The codec validates and bounds everything; it knows nothing of modules or operations.
 */
#ifndef LOCKSTEP_HOSTWIRE_HOSTWIRE_H
#define LOCKSTEP_HOSTWIRE_HOSTWIRE_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"
#include "common/base/limits.h"
#include "common/hostwire/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_HOSTWIRE_VERSION     1 /* the newest that this code speaks */
#define LOCKSTEP_HOSTWIRE_VERSION_MIN 1

#define LOCKSTEP_HOSTWIRE_ENTRIES_MAX 64
#define LOCKSTEP_HOSTWIRE_TYPE_MAX    63
#define LOCKSTEP_HOSTWIRE_BYTES_MAX   (48 * 1024)
#define LOCKSTEP_HOSTWIRE_FDS_MAX     128    /* two an entry; or four each of 32 */
#define LOCKSTEP_HOSTWIRE_TOOLS_JSON  "json" /* bytes of TOOLS; a host that is older has lines */

/*  X(number, NAME): numbers are on the wire, never reused */
#define LOCKSTEP_HOSTWIRE_TYPE_TABLE(X) \
    X(1, HELLO)                         \
    X(2, WELCOME)                       \
    X(3, REFUSED)                       \
    X(4, READY)                         \
    X(5, OK)                            \
    X(6, LISTENERS)                     \
    X(7, GIVE_LISTENERS)                \
    X(8, PREPARE)                       \
    X(9, PREPARED)                      \
    X(10, DROP)                         \
    X(11, CLOSE)                        \
    X(12, MIGRATED)                     \
    X(13, NOT_APPLIED)                  \
    X(14, REOPEN)                       \
    X(15, PUBLISH)                      \
    X(16, PUBLISHED)                    \
    X(17, RETIRE)                       \
    X(18, STATUS)                       \
    X(19, DRAIN)                        \
    X(20, RESUME)                       \
    X(21, SNAPSHOT)                     \
    X(22, CALL)                         \
    X(23, ANSWER)                       \
    X(24, TOOLS)                        \
    X(25, HEALTH)                       \
    X(26, SHUTDOWN)                     \
    X(27, PURGE)                        \
    X(28, COUNTS)                       \
    X(30, KEEP)                         \
    X(31, BASE)                         \
    X(34, HAND_OVER)                    \
    X(35, ADOPT)                        \
    X(36, TAKE_OVER)                    \
    X(37, LEAVE)                        \
    X(42, SMOKE)

enum lockstep_hostwire_type {
    LOCKSTEP_HOSTWIRE_UNSPECIFIED = 0,
#define LOCKSTEP_HOSTWIRE_ENUM(number, name) LOCKSTEP_HOSTWIRE_##name = (number),
    LOCKSTEP_HOSTWIRE_TYPE_TABLE(LOCKSTEP_HOSTWIRE_ENUM)
#undef LOCKSTEP_HOSTWIRE_ENUM
};

/* One message, whatever its type. Large: keep it on the heap. */
struct lockstep_hostwire_message {
    enum lockstep_hostwire_type type;
    uint64_t id; /* of the request; 0 for what nobody asked for */
    uint32_t version_min;
    uint32_t version_max; /* HELLO: the range; WELCOME: both the chosen one */
    uint64_t pid;
    struct lockstep_name service;
    struct lockstep_id operation;
    char code[LOCKSTEP_NAME_MAX + 1]; /* REFUSED, NOT_APPLIED: the NO code's name, "SMOKE" */
    char text[LOCKSTEP_TEXT_MAX + 1]; /* why; a module's or tool's name; PREPARED, MIGRATED: what
                                         of a state was lost */
    char version[LOCKSTEP_VERSION_MAX + 1];
    uint64_t generation;
    uint32_t drain_ms;
    uint32_t result; /* ANSWER: enum lockstep_call_result */
    uint32_t offset;
    uint32_t retired; /* STATUS: images that are retired, of LOCKSTEP_RETIRED_MAX */
    uint32_t role;    /* HELLO, STATUS: enum lockstep_hostwire_role */
    bool smoke;
    bool drain;  /* CLOSE: shut the gates of stateless modules of the set as well; PURGE: hard */
    bool refuse; /* DRAIN: callers are refused at once, and do not wait */
    bool stateful;
    bool more;    /* another message with the same id follows */
    bool latched; /* STATUS, HEALTH: the library refuses reloads */
    size_t entries_count;
    size_t bytes_size;
    size_t fds_count; /* LISTENERS, SNAPSHOT, TAKE_OVER, LEAVE */
    struct lockstep_hostwire_entry entries[LOCKSTEP_HOSTWIRE_ENTRIES_MAX];
    int fds[LOCKSTEP_HOSTWIRE_FDS_MAX];
    char extra[LOCKSTEP_EXTRA_MAX + 1]; /* PREPARE: the operator's text for `up` and `down` */
    uint8_t bytes[LOCKSTEP_HOSTWIRE_BYTES_MAX];
};

/* The type's name ("PREPARE"), or "UNSPECIFIED". */
const char *lockstep_hostwire_type_name(enum lockstep_hostwire_type type);

/* An empty message of TYPE, with no descriptors; NULL if there is no memory. */
struct lockstep_hostwire_message *lockstep_hostwire_new(enum lockstep_hostwire_type type);
/* Closes the descriptors that are left in it. Returns NULL; NULL is allowed. */
struct lockstep_hostwire_message *lockstep_hostwire_free(struct lockstep_hostwire_message *message);
/* Makes it an empty message of TYPE, as _new does, and closes its descriptors. */
void lockstep_hostwire_reset(struct lockstep_hostwire_message *message,
                             enum lockstep_hostwire_type type);
static inline void lockstep_hostwire_cleanup(struct lockstep_hostwire_message **message)
{
    *message = lockstep_hostwire_free(*message);
}

/* Listens at PATH (at most 107 bytes), mode 0600. An old socket there is replaced. INVALID, IO. */
enum lockstep_err lockstep_hostwire_listen(const char *path, int *ret_fd,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Takes one connection. RETRY if there is none. */
enum lockstep_err lockstep_hostwire_accept(int listener, int *ret_fd,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Connects to PATH. RETRY if nobody listens there now. */
enum lockstep_err lockstep_hostwire_connect(const char *path, int *ret_fd,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The other side's process, as the kernel knows it. False: the kernel does not say. */
bool lockstep_hostwire_peer(int fd, int64_t *ret_pid, uint32_t *ret_uid);

/* Sends a message; its descriptors stay the caller's. Waits TIMEOUT_MS at most (0: does not wait).
 * CLOSED, RETRY (no room in time), LIMIT (too long for a frame), IO. */
enum lockstep_err lockstep_hostwire_send(int fd, const struct lockstep_hostwire_message *message,
                                         int timeout_ms,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Receives a message into one from _new; its descriptors belong to it. Waits TIMEOUT_MS at most
 * (negative: for ever). RETRY (nothing came), CLOSED, INVALID (end the connection), IO, NOMEM. */
enum lockstep_err lockstep_hostwire_receive(int fd, struct lockstep_hostwire_message *ret_message,
                                            int timeout_ms,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The codec without the socket. _encode: LIMIT if it does not fit ROOM. Entries say in the bytes
 * which descriptors they have; _decode takes FDS_COUNT of FDS in that order, on success only. */
enum lockstep_err lockstep_hostwire_encode(const struct lockstep_hostwire_message *message,
                                           uint8_t *ret_bytes, size_t room, size_t *ret_size,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_hostwire_decode(const uint8_t *bytes, size_t size, const int *fds,
                                           size_t fds_count,
                                           struct lockstep_hostwire_message *ret_message,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
