/*
 * lockstep/function.h: functions of a module that its service calls with their own type.
 *
 * Tools are for whoever asks, bytes in, bytes out. A service that links liblockstep may rather
 * share a header of types with its modules: it calls their functions through the gate, as fast as a
 * call gets, and nothing is copied or taken apart. The type in words is compared before a version
 * is live, so nobody is called with what he does not expect.
 */
#ifndef LOCKSTEP_FUNCTION_H
#define LOCKSTEP_FUNCTION_H

#include "lockstep/module.h"

#define LOCKSTEP_FUNCTION_TEXT 511 /* bytes of a function's type in words */

typedef void lockstep_any_fn(void); /* to be cast back to its type */

/* Such a function. Called from many threads at once. What it changes is not written down for a
 * module that journals. */
struct lockstep_function {
    const char *name;      /* "module.verb"; no tool has it */
    const char *signature; /* its type in words */
    lockstep_any_fn *function;
};

/* Defines the type NAME_fn of a function and NAME_signature, its words; for a header of service and
 * module both. REVISION, a text, is to be another one when what the types point to is changed. */
#define LOCKSTEP_FUNCTION_TYPE(NAME, REVISION, RETURNS, PARAMETERS)                     \
    typedef RETURNS NAME##_fn PARAMETERS;                                               \
    static const char NAME##_signature[] __attribute__((unused)) = "revision " REVISION \
                                                                   ": " #RETURNS " " #PARAMETERS
/* An entry of lockstep_module.functions; FUNCTION has the type NAME_fn, or it does not compile. */
#define LOCKSTEP_FUNCTION(NAME_TEXT, NAME, FUNCTION)                                        \
    {                                                                                       \
        (NAME_TEXT), NAME##_signature, (lockstep_any_fn *)(1 ? (FUNCTION) : (NAME##_fn *)0) \
    }

#endif
