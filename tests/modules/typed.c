/* A module whose service calls it with a type of their own. */
#include <lockstep/function.h>

#ifndef TYPED_VERSION
#define TYPED_VERSION "1.0.0"
#endif
#ifndef TYPED_REVISION
#define TYPED_REVISION "1"
#endif
#ifndef TYPED_MORE
#define TYPED_MORE 0
#endif

LOCKSTEP_FUNCTION_TYPE(typed_add, TYPED_REVISION, long, (long a, long b));

static long add(long a, long b)
{
    return a + b + TYPED_MORE;
}

static const struct lockstep_function functions[] = {
#ifndef TYPED_LACKS
    LOCKSTEP_FUNCTION("typed.add", typed_add, add),
#endif
#ifdef TYPED_STRANGE
    LOCKSTEP_FUNCTION("another.add", typed_add, add),
#else
    LOCKSTEP_FUNCTION("typed.sum", typed_add, add),
#endif
};

LOCKSTEP_MODULE((.module = "typed", .version = TYPED_VERSION, .service = "default"),
                (.functions = functions,
                 .functions_count = sizeof(functions) / sizeof(functions[0])));
