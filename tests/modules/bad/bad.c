/*
 * Modules that are wrong, each in one way: compiled once for each BAD_... macro. Without any it is
 * a module that is well, so that a test that refuses everything fails, too.
 */
#include "lockstep/module.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifndef BAD_NAME
#define BAD_NAME "good"
#endif
#ifndef BAD_VERSION
#define BAD_VERSION "1.0.0"
#endif
#ifndef BAD_SCHEMA
#define BAD_SCHEMA 0
#endif
#ifndef BAD_IDENTITY
#define BAD_IDENTITY
#endif

#ifdef BAD_PTHREAD
#include <pthread.h>
static void *thread(void *context)
{
    return context;
}
#endif

#ifdef BAD_SYSCALL
#include <sys/syscall.h>
#include <unistd.h>
#endif

#ifdef BAD_SOCKET
#include <errno.h>
#include <sys/socket.h>
#endif

#ifdef BAD_WRITES
#include <errno.h>
#include <fcntl.h>
#endif

#ifdef BAD_MISSING_SYMBOL
int lockstep_no_such_function(void);
#endif

#ifdef BAD_MISSING_LIBRARY
int stub_answer(void);
#endif

#ifdef BAD_STATIC_TLS /* how many integers */
static _Thread_local volatile int counter[BAD_STATIC_TLS]
    __attribute__((tls_model("initial-exec")));
#endif

/* A function whose name the tests choose, or write into the file. */
#ifdef BAD_IMPORT
int BAD_IMPORT(void);
#endif

#ifdef BAD_WEAK
__attribute__((weak)) int lockstep_perhaps(void);
#endif

#ifdef BAD_FUTURE
int lockstep_of_the_future(void);
#endif

#ifdef BAD_EXPORT
__attribute__((visibility("default"))) int BAD_EXPORT(void)
{
    return 0;
}
#endif

#ifdef BAD_WRITABLE_CODE
__asm__(".section .wx, \"awx\", @progbits\n.quad 0\n.text\n");
#endif

#ifdef BAD_RELOCATION
__asm__(".data\n.quad stdout@SIZE\n.text\n");
#endif

#ifdef BAD_HUGE
/* Behind all else, or that would be out of reach. */
__attribute__((section(".bss.huge"))) static volatile char huge[BAD_HUGE];
#endif

#ifdef BAD_DESTRUCTOR
__attribute__((destructor)) static void crash_late(void)
{
    abort();
}
#endif

#ifdef BAD_INIT
__attribute__((used)) void bad_init(void)
{
    abort();
}
#endif

#ifdef BAD_IFUNC
static int one(void)
{
    return 1;
}
__attribute__((used)) static int (*choose(void))(void)
{
    return one;
}
int chosen(void) __attribute__((ifunc("choose"), visibility("default")));
#endif

#ifdef BAD_TEXT_RELOCATION
__asm__(".text\n.quad lockstep_module\n");
#endif

#ifdef BAD_GNU_UNIQUE
__asm__(".data\n.globl only_one\n.type only_one, @gnu_unique_object\n.size only_one, 4\n"
        "only_one: .long 1\n.text\n");
#endif

#ifdef BAD_ISA
/* GNU_PROPERTY_X86_ISA_1_NEEDED: a bit for each level */
__asm__(".section .note.gnu.property, \"a\", @note\n.balign 8\n.long 4, 16, 5\n.asciz \"GNU\"\n"
        ".long 0xc0008002, 4, " BAD_ISA ", 0\n.text\n");
#endif

#ifdef BAD_ALLOCATOR
__attribute__((visibility("default"))) void *realloc(void *old, size_t size)
{
    (void)old;
    (void)size;
    return NULL;
}
#endif

#ifdef BAD_CONSTRUCTOR
__attribute__((constructor)) static void crash_early(void)
{
    abort();
}
#endif

static volatile uint32_t reached;

static int call(struct lockstep_call *call)
{
    reached++;
    return call->answer->write(call->answer, call->request, call->request_size) ? 0 : 1;
}

/* What the file needs of others, or has for itself. */
static int use_symbols(void)
{
#ifdef BAD_MISSING_SYMBOL
    return lockstep_no_such_function();
#endif
#ifdef BAD_MISSING_LIBRARY
    return stub_answer();
#endif
#ifdef BAD_STATIC_TLS
    counter[reached] = 1;
#endif
#ifdef BAD_IMPORT
    return BAD_IMPORT();
#endif
#ifdef BAD_WEAK
    return lockstep_perhaps == NULL ? 0 : lockstep_perhaps();
#endif
#ifdef BAD_FUTURE
    return lockstep_of_the_future();
#endif
#ifdef BAD_HUGE
    huge[reached] = 1;
#endif
#ifdef BAD_IFUNC
    return chosen() - 1;
#endif
#ifdef BAD_PTHREAD
    pthread_t id;
    return pthread_create(&id, NULL, thread, NULL);
#endif
    return 0;
}

static int load(const struct lockstep_load *load)
{
    (void)load;
#ifdef BAD_LOAD_FAILS
    (void)lockstep_sink_print(load->why, "no licence for %s", load->config);
    return 1;
#endif
#ifdef BAD_LOAD_HANGS
    for (;;) {
        reached++;
    }
#endif
#ifdef BAD_LOAD_CRASHES
    *(volatile int *)(uintptr_t)(reached + 16) = 1;
#endif
#ifdef BAD_LOAD_SAYS
    (void)fputs("the last words of a module\n", stderr);
    abort();
#endif
#ifdef BAD_ALLOCATES
    char *much = malloc(BAD_ALLOCATES);
    if (much == NULL) {
        (void)lockstep_sink_print(load->why, "there is not enough memory");
        return 1;
    }
    memset(much, 1, 4096);
#endif
#ifdef BAD_SYSCALL
    return (int)syscall(BAD_SYSCALL, 0, 0, 0, 0);
#endif
#ifdef BAD_SOCKET
    if (socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM) {
        (void)lockstep_sink_print(load->why, "no network here");
        return 1;
    }
#endif
#ifdef BAD_WRITES
    if (open(BAD_WRITES, O_WRONLY | O_CREAT, 0600) < 0 && (errno == EPERM || errno == EACCES)) {
        (void)lockstep_sink_print(load->why, "nothing can be written here");
        return 1;
    }
#endif
    return use_symbols();
}

static int smoke(struct lockstep_sink *why)
{
    (void)why;
#ifdef BAD_SMOKE_FAILS
    (void)lockstep_sink_print(why, "two and two is %d", 5);
    return 1;
#endif
#ifdef BAD_SMOKE_HANGS
    for (;;) {
        reached++;
    }
#endif
#ifdef BAD_SMOKE_CRASHES
    abort();
#endif
    return 0;
}

/* The state is one record whose value is one number. */
static uint64_t number;

static uint64_t ups; /* how often a state came up */

static int put_as(struct lockstep_records_sink *sink, const char *key, uint64_t value)
{
    const struct lockstep_record record = {
        .key = key, .key_size = 1, .value = &value, .value_size = sizeof(value)};
    return sink->put(sink, &record) ? 0 : 1;
}

static int put(struct lockstep_records_sink *sink, uint64_t value)
{
    return put_as(sink, "n", value);
}

static int save(struct lockstep_records_sink *sink)
{
#ifdef BAD_COUNTS_UPS
    return put(sink, number) || put_as(sink, "u", ups);
#elif defined(BAD_REPEATS)
    return put(sink, number) || put(sink, ups);
#else
    return put(sink, number);
#endif
}

static int up(uint32_t from, struct lockstep_records_source *source, struct lockstep_sink *why)
{
    struct lockstep_record record;
    (void)from;
    (void)why;
#ifdef BAD_UP_FAILS
    (void)lockstep_sink_print(why, "this state is too old");
    return 1;
#endif
#ifdef BAD_NEEDS_EXTRA
    if (strcmp(source->extra, "go on") != 0) {
        (void)lockstep_sink_print(why, "it was told '%s'", source->extra);
        return 1;
    }
#endif
    ups++;
    while (source->next(source, &record)) {
        if (record.value_size == sizeof(number)) {
            memcpy(&number, record.value, sizeof(number));
#ifdef BAD_UP_LOSES
            number &= ~UINT64_C(1);
#endif
        }
    }
    return 0;
}

static int down(uint32_t to, struct lockstep_records_sink *sink)
{
    (void)to;
#ifdef BAD_NEEDS_EXTRA
    return strcmp(sink->extra, "go on") != 0 || put(sink, number);
#elif defined(BAD_DOWN_LOSES)
    return put(sink, number & ~UINT64_C(1));
#else
    return put(sink, number);
#endif
}

#ifndef BAD_TOOL_SCHEMA
#define BAD_TOOL_SCHEMA NULL
#endif
static const struct lockstep_tool tools[] = {
    {BAD_NAME ".call", call, LOCKSTEP_TOOL_IDEMPOTENT, "Says what it is told", BAD_TOOL_SCHEMA}};
/* A machine under load must not fail tests that are not about time. */
#ifdef BAD_SMOKE_HANGS
#define SMOKE_MS 200
#else
#define SMOKE_MS 20000
#endif
static const struct lockstep_smoke smokes[] = {{"sums", smoke, SMOKE_MS}};

#ifndef BAD_TOOLS
#define BAD_TOOLS 1
#endif
#ifndef BAD_NO_DESCRIPTOR
LOCKSTEP_MODULE((.module = BAD_NAME, .service = "default", .version = BAD_VERSION,
                 .state_schema = BAD_SCHEMA, .tools = {BAD_NAME ".call"} BAD_IDENTITY),
                (.tools = tools, .tools_count = BAD_TOOLS, .smokes = smokes, .smokes_count = 1,
                 .load = load, .save = save, .up = up, .down = down));
#else
__attribute__((visibility("default"))) int lockstep_module_not(struct lockstep_call *with)
{
    return call(with) + load(NULL) + smoke(NULL) + (tools == NULL) + (smokes == NULL) + save(NULL) +
           up(0, NULL, NULL) + down(0, NULL);
}
#endif
