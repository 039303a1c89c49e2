/*
 * Many agents in one process, for measuring one coordinator: real frames, handshakes and sealing on
 * one epoll loop. They have no journal, no host and not the agent's core, which has 190 kB a node:
 * they say what it says when all goes well, at once.
 */
#ifndef LOCKSTEP_TESTS_BENCH_FLEET_AGENTS_H
#define LOCKSTEP_TESTS_BENCH_FLEET_AGENTS_H

#include "common/base/rng.h"
#include "common/io/channel.h"
#include "common/io/loop.h"
#include "common/io/wire.h"
#include "common/tbl/defaults.h"

#include <stdio.h>
#include <time.h>

/* The secret of agent NUMBER follows from its number, so that no files are needed. */
void bench_agent_secret(uint32_t number, uint8_t ret_secret[LOCKSTEP_NOISE_KEY]);
/* Writes COUNT enrolled nodes into the coordinator's journal in DIRECTORY, and prints the cluster
 * and the coordinator's key. The product has no such thing: it wants a token a node. */
int bench_enrol(const char *directory, uint32_t count);
/* The same messages over plain sockets: see fleet_floor.c. */
int bench_floor(uint32_t count, unsigned rounds, const size_t sizes[4]);

enum bench_state {
    BENCH_AWAY,
    BENCH_CONNECTING,
    BENCH_SHAKING, /* hands: connected, not authenticated */
    BENCH_UP,
    BENCH_READY,
};

struct bench_agent {
    struct bench_fleet *fleet;
    uint32_t number;
    enum bench_state state;
    int fd;
    struct lockstep_watch watch;
    struct lockstep_timer timer; /* of the next try, or of the one under way */
    uint64_t backoff_ms;
    struct lockstep_channel channel;
    uint8_t *late; /* what the socket did not take */
    size_t late_size;
    uint64_t beats;
    uint32_t commits;
    struct lockstep_item promised;
    struct lockstep_live live; /* generation 0: it runs nothing */
};

/* What is counted of an operation, as all agents together see it. */
struct bench_operation {
    struct lockstep_id id;
    uint32_t messages[4]; /* PREPARE, VOTE, COMMIT, ACK */
    size_t bytes[4];      /* frames and all */
    double cpu_begin;     /* ms of the coordinator: when its command was given */
    double cpu_prepare;
    double cpu_commit;
};

struct bench_fleet {
    struct lockstep_loop *loop;
    struct bench_agent *agents;
    uint32_t count;
    uint32_t ready;
    uint32_t lost; /* links that ended */
    uint16_t port;
    struct lockstep_id cluster;
    uint8_t remote[LOCKSTEP_NOISE_KEY];
    struct lockstep_defaults settings;
    struct lockstep_wire_codec *codec;
    struct lockstep_rng rng;
    clockid_t clock; /* of the coordinator's processor time */
    uint64_t sent;
    uint64_t received;
    uint64_t heartbeat_ms;
    uint64_t beats; /* of all */
    uint64_t beats_from_us;
    struct lockstep_timer pulse;
    struct bench_operation operation;
};

/* Milliseconds of processor time that the coordinator has used. */
double bench_cpu_ms(const struct bench_fleet *fleet);
/* Fails the measurement: without this its numbers would mean nothing. */
void bench_must(bool fine, const char *what);

/* ---- fleet_link.c --------------------------------------------------------------------------- */

/* Every agent begins to dial within the time that an agent takes after it has lost its link. */
void bench_dial_all(struct bench_fleet *fleet);
/* Seals and sends one message; the bytes on the wire. */
size_t bench_send(struct bench_agent *agent, const struct lockstep_wire *wire);

/* ---- fleet_talk.c --------------------------------------------------------------------------- */

/* A message from the coordinator. SIZE is that of its frame. */
void bench_hear(struct bench_agent *agent, const struct lockstep_wire *wire, size_t size);
/* Heartbeats begin, evenly spread. */
void bench_begin_beating(struct bench_fleet *fleet);

#endif
