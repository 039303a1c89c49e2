/*
 * A module for redis, of the few functions of its ABI that it needs: said here in our own words,
 * for Debian has no package with them. Built by tests/e2e/exec_redis.sh, with VERSION, and with
 * REFUSES for one that does not want to be loaded.
 *
 *     demo.version    says VERSION
 */
#include <string.h>

#define API_VERSION 1
#define OK          0
#define ERROR       1

/* What redis hands to a module begins with a function that finds all others by name. */
struct context {
    int (*find)(const char *name, void *ret_function);
};
struct word;

typedef int command_fn(struct context *context, struct word **words, int count);

static void (*describe)(struct context *context, const char *name, int version, int api);
static int (*create_command)(struct context *context, const char *name, command_fn *run,
                             const char *flags, int first_key, int last_key, int step);
static int (*reply)(struct context *context, const char *text);

static int say_version(struct context *context, struct word **words, int count)
{
    (void)words;
    (void)count;
    return reply(context, VERSION);
}

/* The name that redis looks for. */
int RedisModule_OnLoad(struct context *context, struct word **words, int count);

int RedisModule_OnLoad(struct context *context, struct word **words, int count)
{
    (void)words;
    (void)count;
    if (context->find("RedisModule_SetModuleAttribs", (void *)&describe) != OK ||
        context->find("RedisModule_CreateCommand", (void *)&create_command) != OK ||
        context->find("RedisModule_ReplyWithSimpleString", (void *)&reply) != OK) {
        return ERROR;
    }
    describe(context, "demo", 1, API_VERSION);
#ifdef REFUSES
    return ERROR;
#else
    return create_command(context, "demo.version", say_version, "readonly", 0, 0, 0);
#endif
}
