/* What the files of the exec driver share. */
#ifndef LOCKSTEP_AGENT_EXEC_INTERNAL_H
#define LOCKSTEP_AGENT_EXEC_INTERNAL_H

#include "agent/exec.h"
#include "agent/exec_files.h"
#include "agent/exec_run.h"

/* What is being done for a set, or waits for its turn. */
enum exec_activity {
    EXEC_IDLE,
    EXEC_VALIDATE,
    EXEC_PREPARE,
    EXEC_APPLY, /* verbs apply, then health */
    EXEC_REVERT,
    EXEC_LOOK, /* verb health, of a kept set */
};

struct exec_set {
    struct lockstep_exec *exec;
    uint64_t number; /* sets take turns in the order in which they came */
    struct lockstep_exec_record record;
    uint32_t services; /* bits: those of its items */
    uint32_t ticket;   /* who is to be answered; 0: nobody */
    enum exec_activity activity;
    bool running;               /* it has its services to itself */
    enum lockstep_verb verb;    /* of the program that runs, or is next */
    uint32_t at;                /* and its item */
    uint32_t begun;             /* items from the first that apply was begun for */
    bool forget;                /* remove it when it is reverted */
    bool lost;                  /* nobody knows what its services run */
    bool failed;                /* a revert of this turn */
    enum lockstep_no no;        /* why it is reverted */
    uint64_t pause_ms;          /* before the next try to revert */
    struct lockstep_time since; /* the program's start */
    struct lockstep_time limit; /* of health, which may say that it wants to be asked again */
    struct lockstep_timer pause;
    struct lockstep_exec_run run;
    char text[LOCKSTEP_TEXT_MAX + 1];
};

struct lockstep_exec {
    struct lockstep_loop *loop;
    struct lockstep_exec_config config;
    char root[LOCKSTEP_EXEC_PATH_MAX];
    bool begun;
    uint32_t up; /* bits: services that were told to be */
    uint64_t numbers;
    struct lockstep_post turn;
    struct exec_set *sets[LOCKSTEP_EXEC_SETS_MAX]; /* NULL: free */
};

/* ---- exec.c: sets and their turns ------------------------------------------------------------ */

/* Somebody's turn may have come. */
void lockstep_exec_turn_soon(struct lockstep_exec *exec);
/* ACTIVITY is to be done next. */
void lockstep_exec_ask(struct exec_set *set, enum exec_activity activity);
/* It is done: others may use the services. */
void lockstep_exec_rest(struct exec_set *set);
/* Stops what runs, removes the files and releases the set. */
void lockstep_exec_forget(struct exec_set *set);
/* The configuration of ITEM's service, or NULL: it is none of ours any more. */
const struct lockstep_config_exec *lockstep_exec_service(const struct lockstep_exec *exec,
                                                         const struct lockstep_exec_item *item);

/* ---- exec_verbs.c: what is done in a turn ---------------------------------------------------- */

/* Begins the set's activity; its services are free. */
void lockstep_exec_begin_turn(struct exec_set *set);
/* A program of the set has ended. */
void lockstep_exec_ran(void *context, const struct lockstep_exec_result *result);
/* The pause of the set is over. */
void lockstep_exec_paused(void *context);

#endif
