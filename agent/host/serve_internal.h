/* What the files that serve tool sockets share. */
#ifndef LOCKSTEP_HOST_SERVE_INTERNAL_H
#define LOCKSTEP_HOST_SERVE_INTERNAL_H

#include "agent/host/host_internal.h"
#include "agent/host/tool_wire.h"

#define LOCKSTEP_CONNECTIONS_MAX 1024

/* A place for a connection. Places stay; what epoll still tells of the one that had it before is
 * known by its serial, and is nobody's. */
struct lockstep_connection {
    pthread_mutex_t turn; /* of what follows: a connection is in one hand at a time */
    int fd;               /* -1: the place is free */
    uint32_t serial;
    uint8_t head[LOCKSTEP_TOOL_HEAD];
    size_t head_size;
    uint8_t *rest; /* owned, NULL until the length is known */
    size_t rest_size;
    size_t rest_got;
    struct lockstep_connection *next; /* of the free ones; serve->mutex */
};

struct lockstep_serve {
    struct lockstep_host *host;
    int epoll;
    int stop;
    atomic_bool leaving; /* no call begins here: connections go to the other host */
    struct lockstep_connection *connections;

    pthread_mutex_t mutex; /* of what follows */
    struct lockstep_connection *free;
    int spare;    /* a descriptor that makes room for turning a caller away; -1: none */
    bool held;    /* listeners are kept, and not served yet */
    bool awaited; /* the word that it serves is to come from the host before */
    int listeners[LOCKSTEP_LISTENERS_MAX];
    size_t listeners_count;

    pthread_mutex_t peer_mutex; /* of what follows */
    int peer;                   /* where connections go; -1: nowhere */
    struct lockstep_hostwire_message *out;

    pthread_mutex_t arrival_mutex; /* of what follows */
    int arrival;                   /* where they come from; -1: from nowhere */
    struct lockstep_hostwire_message *in;
    int arrivals;       /* an epoll of its own; -1: none yet */
    pthread_t receiver; /* who waits at it, while there is one: no call that is slow keeps it */

    size_t workers_count;
    pthread_t workers[LOCKSTEP_WORKERS_MAX];
};

/* ---- serve.c -------------------------------------------------------------------------------- */

/* What epoll leads to. */
enum lockstep_serve_kind {
    LOCKSTEP_SERVE_STOP,
    LOCKSTEP_SERVE_LISTENER,
    LOCKSTEP_SERVE_CONNECTION,
};

/* The same in 64 bits: 16 of kind, 16 of index, 32 of serial. */
static inline uint64_t lockstep_serve_who(enum lockstep_serve_kind kind, uint32_t index,
                                          uint32_t serial)
{
    return (uint64_t)serial << 32 | (uint64_t)index << 16 | kind;
}

/* Watches FD; HOW is of epoll_ctl, WHO is what _who says. */
bool lockstep_serve_watch(const struct lockstep_serve *serve, int how, int fd, uint32_t events,
                          uint64_t who);
/* Serves one more connection, which is taken over; SIZE bytes of a request are in the file BEGUN
 * (borrowed). One that makes no sense is ended. False: no room, FD is the caller's. */
bool lockstep_serve_connect(struct lockstep_serve *serve, int fd, int begun, size_t size);
/* Ends a connection in whose turn the caller is. */
void lockstep_serve_disconnect(struct lockstep_serve *serve,
                               struct lockstep_connection *connection);

/* ---- serve_move.c --------------------------------------------------------------------------- */

/* Hands a connection in whose turn the caller is to the other host, and ends it here. */
void lockstep_serve_move(struct lockstep_serve *serve, struct lockstep_connection *connection);
/* The same, unless somebody else has it in hand, who will. */
void lockstep_serve_move_idle(struct lockstep_serve *serve, struct lockstep_connection *connection);
/* For _free: nobody receives any more, which is told by the stop descriptor; then nothing is left.
 */
void lockstep_serve_move_end(struct lockstep_serve *serve);
void lockstep_serve_move_deinit(struct lockstep_serve *serve);

#endif
