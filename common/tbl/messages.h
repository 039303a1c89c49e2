/*
 * Every message there is, and who may send it. What has no row is refused, and closes the session.
 *
 * The number is on the wire: two bytes, big-endian, before the protobuf bytes. Numbers are never
 * used again. A message that a role may send is listed for that role and for nobody else; there is
 * no default.
 */
#ifndef LOCKSTEP_TBL_MESSAGES_H
#define LOCKSTEP_TBL_MESSAGES_H

#include "common/tbl/roles.h"

#include <stdbool.h>
#include <stdint.h>

/*  X(number, NAME, ROLE that may send it, what it says) */
#define LOCKSTEP_MESSAGE_TABLE(X)                                                               \
    X(1, WELCOME, COORDINATOR, "the session stands: chosen version, epoch, heartbeat interval") \
    X(2, REFUSED, COORDINATOR, "no session: why, and which versions would do")                  \
    X(10, STATE, AGENT, "at joining: what is live, what is undecided, the numbers last seen")   \
    X(11, VOTE, AGENT, "YES or NO to a PREPARE")                                                \
    X(12, ACK, AGENT, "what became of a decision, and what is live now")                        \
    X(13, QUERY, AGENT, "in doubt: what was decided?")                                          \
    X(14, HEARTBEAT, AGENT, "still here")                                                       \
    X(15, REPORT, AGENT, "modules of this node as they are mapped and as they are on disk")     \
    X(16, FETCH, AGENT, "asks for bytes of an artifact, a manifest or a signature")             \
    X(17, TOOL_RESULT, AGENT, "answer to TOOL_RUN")                                             \
    X(18, PONG, AGENT, "answer to PING")                                                        \
    X(19, RESOLVED, AGENT, "a person on this node has decided what was in doubt")               \
    X(22, DRAINED, AGENT, "answer to DRAIN, when it is done or took too long")                  \
    X(40, READY, COORDINATOR, "joining is done: the node counts as present")                    \
    X(41, PREPARE, COORDINATOR, "get ready to run these versions, and vote")                    \
    X(42, DECISION, COORDINATOR, "commit, or abort")                                            \
    X(43, OUTCOME, COORDINATOR, "answer to QUERY and to what STATE holds open")                 \
    X(44, FINAL, COORDINATOR, "the window is over: retire the previous version")                \
    X(45, CHUNK, COORDINATOR, "answer to FETCH")                                                \
    X(46, CHECKPOINT, COORDINATOR, "heartbeat's answer: head of the audit chain")               \
    X(47, QUARANTINE, COORDINATOR, "versions that no operation may bring onto a node")          \
    X(48, BUNDLE, COORDINATOR, "a newer trust bundle")                                          \
    X(49, TOOL_RUN, COORDINATOR, "call a tool of a module on this node")                        \
    X(50, PING, COORDINATOR, "asks for a PONG")                                                 \
    X(51, DRAIN, COORDINATOR, "shut the gates of modules on this node, or open them again")     \
    X(52, PURGE, COORDINATOR, "unmaps retired versions of a module on this node")               \
    X(70, SHOW, VIEWER, "asks for a document: status, nodes, operations, …")                    \
    X(71, PLAN, VIEWER, "what would this operation do, and under which numbers?")               \
    X(72, WATCH, VIEWER, "asks for an operation's document each time it changes")               \
    X(73, SUBMIT, OPERATOR, "opens the planned operation with a signed intent")                 \
    X(74, ABORT, OPERATOR, "ends an operation before its decision, or goes back after it")      \
    X(75, TOOL_CALL, OPERATOR, "calls a tool of a module on a node")                            \
    X(76, ARTIFACT_PUT, RELEASE_MANAGER, "brings an artifact, its manifest and its signature")  \
    X(77, QUARANTINE_SET, RELEASE_MANAGER, "quarantines a version, or lifts it")                \
    X(78, TOKEN_CREATE, SECURITY_ADMIN, "makes a join token for a node")                        \
    X(79, AUDIT, AUDITOR, "asks for rows of the audit chain")                                   \
    X(80, CANCEL, VIEWER, "no more answers to an earlier request")                              \
    X(81, NODE_CORDON, OPERATOR, "keeps operations off a node, or ends that")                   \
    X(82, NODE_REMOVE, SECURITY_ADMIN, "takes a node from the fleet, and with it its key")      \
    X(83, NODE_PING, OPERATOR, "asks a node for a sign of life")                                \
    X(84, NODE_PIN, OPERATOR, "keeps a node on a version that it runs, or ends that")           \
    X(85, TOKEN_REVOKE, SECURITY_ADMIN, "ends join tokens that were not used yet")              \
    X(86, EVENTS, VIEWER, "asks for events, and may follow them")                               \
    X(87, RESUME, OPERATOR, "goes on with who fell silent, or with who came and went")          \
    X(88, RECONCILE_MODE, OPERATOR, "what is done about drift without being asked")             \
    X(89, NODE_ADMIT, SECURITY_ADMIN, "lets a key take a node's place, or refuses it")          \
    X(90, DOCUMENT, COORDINATOR, "answer to a person's request: JSON, in pieces")               \
    X(91, FAILURE, COORDINATOR, "the request failed: exit code, cause and next step")           \
    X(93, MODULE_PURGE, OPERATOR, "unmaps retired versions of a module on a node")              \
    X(92, MODULE_DRAIN, OPERATOR, "drains modules on nodes, or ends that")

enum lockstep_message_type {
    LOCKSTEP_MESSAGE_UNSPECIFIED = 0,
#define LOCKSTEP_MESSAGE_ENUM(number, name, role, text) LOCKSTEP_MESSAGE_##name = (number),
    LOCKSTEP_MESSAGE_TABLE(LOCKSTEP_MESSAGE_ENUM)
#undef LOCKSTEP_MESSAGE_ENUM
};

/* The name ("PREPARE"), or NULL for a number that no row has. */
const char *lockstep_message_name(unsigned type);
/* True if a peer with ROLES may send a message of TYPE: default deny. */
bool lockstep_message_allowed(unsigned type, unsigned roles);

#endif
