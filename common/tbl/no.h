/*
 * Why a node says NO, or why it failed after it had said YES.
 *
 * INTEGRITY is about the artifact or the order, the same for every node: one such NO vetoes a
 * quorum. NODE is about this node, now. The numbers are on the wire: add rows at the end of a
 * class, never renumber. Names follow the source documents where those had one
 * (CTOR_NOT_ALLOWED is their on_load_not_allowed).
 */
#ifndef LOCKSTEP_TBL_NO_H
#define LOCKSTEP_TBL_NO_H

#include <stdbool.h>

/*  X(number, NAME, CLASS, text) */
#define LOCKSTEP_NO_TABLE(X)                                                                    \
    X(1, BAD_SIGNATURE, INTEGRITY, "the signature does not verify under a trusted key")         \
    X(2, BAD_DIGEST, INTEGRITY, "the bytes do not have the digest that was signed")             \
    X(3, BAD_SIZE, INTEGRITY, "the file does not have the size that was signed")                \
    X(4, WRONG_MODULE, INTEGRITY, "the manifest is for another module or service")              \
    X(5, WRONG_CLUSTER, INTEGRITY, "the order or the manifest is for another cluster")          \
    X(6, COUNTER, INTEGRITY, "the release counter is below the floor, or jumps too far")        \
    X(7, REVOKED, INTEGRITY, "the key or the version is revoked")                               \
    X(8, QUARANTINED, INTEGRITY, "the version is quarantined")                                  \
    X(9, INTENT, INTEGRITY, "the operator's signed intent does not cover this order")           \
    X(10, BADFILE, INTEGRITY, "the file is not a loadable ELF shared object for this machine")  \
    X(11, NO_DESCRIPTOR, INTEGRITY, "the file has no lockstep descriptor")                      \
    X(12, ABI, INTEGRITY, "the module was built for another lockstep ABI")                      \
    X(13, CTOR_NOT_ALLOWED, INTEGRITY, "the module runs code while it is being loaded")         \
    X(40, NOFILE, NODE, "the artifact is not to be had on this node")                           \
    X(41, STORAGE, NODE, "the disk is full or cannot be written")                               \
    X(42, MEMORY, NODE, "not enough memory")                                                    \
    X(43, BUSY, NODE, "another operation is prepared on the module")                            \
    X(44, EXPIRED, NODE, "the manifest, the intent or the time to prepare has expired")         \
    X(45, SYMBOL, NODE, "a symbol that the module needs is not to be found here")               \
    X(46, LIBRARY, NODE, "a library that the module needs is missing or not allowed")           \
    X(47, ISA, NODE, "the processor lacks instructions that the module was built for")          \
    X(48, PROBE_CRASHED, NODE, "the module crashed when it was tried out")                      \
    X(49, PROBE_TIMEOUT, NODE, "the module did not answer in time when it was tried out")       \
    X(50, SMOKE, NODE, "a smoke test failed")                                                   \
    X(51, STATE, NODE, "the state could not be carried over")                                   \
    X(52, DEPENDENCY, NODE, "a module that this one needs is missing or has the wrong version") \
    X(53, NOT_PURGED, NODE, "too many retired versions are still in the host")                  \
    X(54, STICKY, NODE, "the module may not be replaced")                                       \
    X(55, DUPLICATE, NODE, "the module is named twice, or its tools belong to another module")  \
    X(56, STALE_GENERATION, NODE, "the node has a newer generation already")                    \
    X(57, DRAIN, NODE, "calls in flight did not end in time")                                   \
    X(58, CRASHED, NODE, "the host died while it ran the version")                              \
    X(59, FELL_BACK, NODE, "the host kept dying, so the node went back by itself")              \
    X(60, HEALTH, NODE, "a health check failed")                                                \
    X(61, LOST, NODE, "the node went silent after it was contacted")                            \
    X(62, MISMATCH, NODE, "the node reports another digest than the one ordered")               \
    X(63, NO_PREVIOUS, NODE, "the node has no previous version to go back to")                  \
    X(64, NO_HOST, NODE, "the service's host is not running")                                   \
    X(65, INTERNAL, NODE, "the agent could not do it; its log says why")                        \
    X(66, LOAD, NODE, "the module refused to be loaded")                                        \
    X(67, FORBIDDEN, NODE, "the module did what no module may do when it was tried out")        \
    X(68, VALIDATE, NODE, "the service's own check refused the version")                        \
    X(69, APPLY, NODE, "the service could not be made to run the version")                      \
    X(70, NOT_CALLED, NODE, "the new code was not called as often as it had to be")

enum lockstep_no {
    LOCKSTEP_NO_UNSPECIFIED = 0,
#define LOCKSTEP_NO_ENUM(number, name, class, text) LOCKSTEP_NO_##name = (number),
    LOCKSTEP_NO_TABLE(LOCKSTEP_NO_ENUM)
#undef LOCKSTEP_NO_ENUM
};

enum lockstep_no_class {
    LOCKSTEP_NO_CLASS_UNSPECIFIED = 0,
    LOCKSTEP_NO_CLASS_INTEGRITY,
    LOCKSTEP_NO_CLASS_NODE,
};

/* The code's name ("BAD_SIGNATURE"), or "UNSPECIFIED" for a number that no row has. */
const char *lockstep_no_name(enum lockstep_no no);
/* One sentence without a full stop. */
const char *lockstep_no_text(enum lockstep_no no);
/* UNSPECIFIED for a number that no row has: such a vote is refused. */
enum lockstep_no_class lockstep_no_class(enum lockstep_no no);
/* UNSPECIFIED if no row has this name. */
enum lockstep_no lockstep_no_parse(const char *name);
/* True if going back because of this leaves the version quarantined: its cause lies in the version
 * (crash, health, smoke, state), not in the node or the network. */
bool lockstep_no_blames_version(enum lockstep_no no);
/* True if one such node is reason enough to go back later in the window, too: it fell back, or a
 * check of what runs failed. A single crash is not: the host has been started again. */
bool lockstep_no_ends_window(enum lockstep_no no);

#endif
