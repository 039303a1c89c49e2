/* The store's nodes and the tokens that bring them in; part of store.h. */
#ifndef LOCKSTEP_COORDINATOR_STORE_NODE_H
#define LOCKSTEP_COORDINATOR_STORE_NODE_H

#include "coordinator/store.h"

#define LOCKSTEP_STORE_ADDRESS 64 /* bytes, with the NUL */

/* A key that was brought with a token for the name of a node that is in the fleet with another key:
 * it waits for a security-admin. One a node: the first stays until that has been decided. */
struct lockstep_waiting_key {
    uint64_t since_unix_ms; /* 0: none waits */
    uint8_t key[LOCKSTEP_KEY_BYTES];
    uint8_t token[LOCKSTEP_TOKEN_ID_BYTES];
    char address[LOCKSTEP_STORE_ADDRESS]; /* it came from */
};

struct lockstep_node_row {
    uint32_t number;
    struct lockstep_name name;
    uint8_t key[LOCKSTEP_KEY_BYTES]; /* X25519 */
    struct lockstep_id journal;
    bool member;
    bool gone;                          /* removed or revoked */
    bool revoked;                       /* its key does not come back */
    bool cordoned;                      /* operations are kept off it */
    bool fenced;                        /* two agents have its key: neither is let in */
    char labels[LOCKSTEP_STORE_LABELS]; /* "env=prod,zone=a" */
    uint64_t enrolled_unix_ms;
    struct lockstep_waiting_key waiting;
};

typedef void lockstep_node_fn(void *context, const struct lockstep_node_row *row);
/* Every node, in the order of their numbers. CORRUPT if a row cannot be one. */
enum lockstep_err lockstep_store_nodes(struct lockstep_store *store, lockstep_node_fn *each,
                                       void *context,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A node that is READY. What it last reported as live is written, so that a restart knows it before
 * the node is back. */
struct lockstep_arrival {
    uint32_t node;
    struct lockstep_id journal;
    const struct lockstep_live *live;
    uint32_t live_count;
};
/* Writes that nodes are READY, in one transaction: a fleet comes all at once. Who is so for the
 * first time is a member from now on. */
enum lockstep_err lockstep_store_arrived(struct lockstep_store *store,
                                         const struct lockstep_arrival *arrivals, size_t count,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* An operator cordons the node, or ends that. */
enum lockstep_err lockstep_store_node_cordon(struct lockstep_store *store, uint32_t number,
                                             bool cordoned, const struct lockstep_audit *audit,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Two agents have the node's key. */
enum lockstep_err lockstep_store_node_fence(struct lockstep_store *store, uint32_t number,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The node leaves the fleet: its rows of what it is to run, and with the last of a module that
 * module's placement; what it reported; the tokens for its name, and the key that waits for it.
 * REVOKED: its key does not come back. CONFLICT if it has left already. */
enum lockstep_err lockstep_store_node_forget(struct lockstep_store *store, uint32_t number,
                                             bool revoked, uint64_t now_unix_ms,
                                             const struct lockstep_audit *audit,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
typedef void lockstep_live_fn(void *context, uint32_t number, const struct lockstep_live *live);
enum lockstep_err lockstep_store_lives(struct lockstep_store *store, lockstep_live_fn *each,
                                       void *context,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#define LOCKSTEP_TOKEN_TRIES 5

struct lockstep_token_row {
    uint8_t id[LOCKSTEP_TOKEN_ID_BYTES];
    struct lockstep_name node;
    char labels[LOCKSTEP_STORE_LABELS];
    uint64_t expires_unix_ms;
    uint64_t used_unix_ms;    /* 0: not yet */
    uint64_t revoked_unix_ms; /* 0: it was not */
    uint32_t failures;        /* LOCKSTEP_TOKEN_TRIES burn it */
    char by[LOCKSTEP_STORE_WHO];
};

/* Stores the token's pre-shared key, not its secret. If a node of its name is in the fleet, who
 * comes with it waits; that node has its labels: CONFLICT if the token brings some. */
enum lockstep_err lockstep_store_token_add(struct lockstep_store *store,
                                           const struct lockstep_token *token, const char *labels,
                                           const struct lockstep_audit *audit,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A token that somebody comes with. */
struct lockstep_token_found {
    bool good;        /* it is known, not used, not burned, not revoked and not expired */
    const char *over; /* not good, and its holder may know why: "was revoked"; or NULL */
    uint8_t psk[LOCKSTEP_TOKEN_PSK_BYTES];
    struct lockstep_token_row row;
};
enum lockstep_err lockstep_store_token_find(struct lockstep_store *store,
                                            const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                            uint64_t now_unix_ms,
                                            struct lockstep_token_found *ret_found,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Who has proved to have the token's secret, and with which key. */
struct lockstep_enrolment {
    const uint8_t *token; /* LOCKSTEP_TOKEN_ID_BYTES */
    const uint8_t *key;   /* LOCKSTEP_KEY_BYTES */
    uint64_t now_unix_ms;
    const char *address; /* it comes from */
};
/* Uses the token, in one transaction, and makes the node; *RET_ROW is the node of the token's name.
 * If that is in the fleet with another key, this one waits (`ret_row->waiting`), which is audited
 * as node.rekey-pending. CONFLICT, and the token stays good, if another key waits already, if the
 * key is another node's, or one that is never to come back; the message may be told. */
enum lockstep_err lockstep_store_enrol(struct lockstep_store *store,
                                       const struct lockstep_enrolment *enrolment,
                                       const struct lockstep_audit *audit,
                                       struct lockstep_node_row *ret_row,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The key that waits for the node, which must be KEY, becomes the node's; the one before never
 * comes back. Number, name and labels stay, and what it is to run; what it reported does not, nor
 * what it could go back to. CONFLICT if KEY does not wait. */
enum lockstep_err lockstep_store_node_admit(struct lockstep_store *store, uint32_t number,
                                            const uint8_t key[LOCKSTEP_KEY_BYTES],
                                            uint64_t now_unix_ms,
                                            const struct lockstep_audit *audit,
                                            struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* The key that waits for the node, which must be KEY, waits no longer, and never will again.
 * CONFLICT if it does not wait. */
enum lockstep_err lockstep_store_node_refuse(struct lockstep_store *store, uint32_t number,
                                             const uint8_t key[LOCKSTEP_KEY_BYTES],
                                             uint64_t now_unix_ms,
                                             const struct lockstep_audit *audit,
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What a key is that is no node's, and never comes back. */
enum lockstep_dead_key {
    LOCKSTEP_DEAD_KEY_NONE,
    LOCKSTEP_DEAD_KEY_REPLACED, /* it was a node's until another was admitted in its place */
    LOCKSTEP_DEAD_KEY_REFUSED,  /* it waited for a node's place */
};
enum lockstep_err lockstep_store_key_dead(struct lockstep_store *store,
                                          const uint8_t key[LOCKSTEP_KEY_BYTES],
                                          enum lockstep_dead_key *ret_dead,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Counts a try as a failure, before the secret is proved; _enrol takes that back, and _proved, for
 * whoever has the secret and is not let in all the same. */
enum lockstep_err lockstep_store_token_tried(struct lockstep_store *store,
                                             const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                             struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_store_token_proved(struct lockstep_store *store,
                                              const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Ends a token that is good; *RET_ENDED is false if it is not, and then nothing is written. */
enum lockstep_err lockstep_store_token_revoke(struct lockstep_store *store,
                                              const uint8_t id[LOCKSTEP_TOKEN_ID_BYTES],
                                              uint64_t now_unix_ms,
                                              const struct lockstep_audit *audit, bool *ret_ended,
                                              struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* What a token is: "open", "used", "revoked", "burned" (too many failures) or "expired". */
const char *lockstep_token_state(const struct lockstep_token_row *row, uint64_t now_unix_ms);
typedef void lockstep_token_fn(void *context, const struct lockstep_token_row *row);
enum lockstep_err lockstep_store_tokens(struct lockstep_store *store, lockstep_token_fn *each,
                                        void *context,
                                        struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
