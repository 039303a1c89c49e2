/*
 * What the exec driver asks of a service that is no host of modules: five programs, named in the
 * service's configuration. agent/exec.h says when each is run, the manual what each has to do.
 */
#ifndef LOCKSTEP_TBL_VERBS_H
#define LOCKSTEP_TBL_VERBS_H

/*  X(NAME, key: in the configuration, and of the setting exec_KEY, its time limit; what it does) */
#define LOCKSTEP_VERBS_TABLE(X)                                                   \
    X(VALIDATE, validate, "says whether the service could run the new file")      \
    X(SNAPSHOT, snapshot, "puts by what the service runs, to be able to go back") \
    X(APPLY, apply, "makes the service run the new file")                         \
    X(HEALTH, health, "says whether the service works, with the new file in it")  \
    X(REVERT, revert, "makes the service run again what was put by")

enum lockstep_verb {
#define LOCKSTEP_VERBS_ENUM(name, key, text) LOCKSTEP_VERB_##name,
    LOCKSTEP_VERBS_TABLE(LOCKSTEP_VERBS_ENUM)
#undef LOCKSTEP_VERBS_ENUM
        LOCKSTEP_VERB_COUNT
};

/* The key of a verb ("validate"). */
const char *lockstep_verb_name(enum lockstep_verb verb);

#endif
