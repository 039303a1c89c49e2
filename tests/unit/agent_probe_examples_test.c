/* The example modules, through their descriptors, as a host would use them. */
#include "agent/probe/records.h"
#include "agent/probe/trial.h"
#include "deploy/modules/ratelimit/buckets.h"
#include "tests/support/cmocka.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MODULES    LOCKSTEP_BINARY_DIR "/modules/"
#define STATE_MAX  (64 * 1024 * 1024)
#define MANY       100000
#define ANSWER_MAX 4096

static uint64_t now_ms = 1000;

static uint64_t tell_time(const struct lockstep_host_api *host)
{
    (void)host;
    return now_ms;
}

static const struct lockstep_host_api test_host = {
    .size = sizeof(test_host), .abi_major = LOCKSTEP_ABI_MAJOR, .now_ms = tell_time};

struct answer {
    struct lockstep_sink sink;
    char text[ANSWER_MAX];
    size_t length;
};

static bool keep(struct lockstep_sink *sink, const void *bytes, size_t size)
{
    struct answer *answer = (struct answer *)sink;
    if (size >= sizeof(answer->text) - answer->length) {
        return false;
    }
    memcpy(answer->text + answer->length, bytes, size);
    answer->length += size;
    answer->text[answer->length] = '\0';
    return true;
}

static void begin(struct answer *answer)
{
    answer->sink.write = keep;
    answer->length = 0;
    answer->text[0] = '\0';
}

static const struct lockstep_module *open_module(const char *file)
{
    char path[512];
    void *handle;
    const struct lockstep_module *module;
    (void)snprintf(path, sizeof(path), MODULES "%s.so", file);
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    module = dlsym(handle, LOCKSTEP_MODULE_SYMBOL);
    assert_non_null(module);
    return module;
}

static int load(const struct lockstep_module *module, const char *config, struct answer *why)
{
    const struct lockstep_load with = {.size = sizeof(with),
                                       .host = &test_host,
                                       .config = config,
                                       .config_size = strlen(config),
                                       .why = &why->sink};
    begin(why);
    return module->load(&with);
}

/* Calls tool INDEX; the answer is in *ret_answer. */
static int call(const struct lockstep_module *module, size_t index, const char *request,
                struct answer *ret_answer)
{
    struct lockstep_call with = {.size = sizeof(with),
                                 .request = (const uint8_t *)request,
                                 .request_size = strlen(request),
                                 .answer = &ret_answer->sink};
    begin(ret_answer);
    return module->tools[index].call(&with);
}

struct render_row {
    const char *name;
    const char *text;
    const char *html[2]; /* versions 1 and 2 */
};

static const struct render_row render_rows[] = {
    {"nothing", "", {"", ""}},
    {"a heading", "# A *b*\n", {"<h1>A <em>b</em></h1>\n", "<h1>A <em>b</em></h1>\n"}},
    {"code",
     "```c\nint a;\n```\n",
     {"<pre><code class=\"language-c\">int a;\n</code></pre>\n",
      "<pre><code class=\"language-c\">int a;\n</code></pre>\n"}},
    {"quotes",
     "\"a\"\n",
     {"<p>&quot;a&quot;</p>\n", "<p>\xe2\x80\x9c"
                                "a\xe2\x80\x9d</p>\n"}},
    {"dashes",
     "a---b\n",
     {"<p>a---b</p>\n", "<p>a\xe2\x80\x94"
                        "b</p>\n"}},
    {"html is left out",
     "<b onclick=x>\n\nb\n",
     {"<!-- raw HTML omitted -->\n<p>b</p>\n", "<!-- raw HTML omitted -->\n<p>b</p>\n"}},
};

static void check_render(void **state)
{
    const struct render_row *row = *state;
    const char *const files[] = {"markdown-1.0.0", "markdown-2.0.0"};
    for (size_t i = 0; i < 2; i++) {
        struct answer answer;
        assert_int_equal(call(open_module(files[i]), 0, row->text, &answer), 0);
        assert_string_equal(answer.text, row->html[i]);
    }
}

struct config_row {
    const char *name;
    const char *config;
    const char *error; /* NULL: it is taken */
    const char *peek;
};

static const struct config_row config_rows[] = {
    {"none", "rate 10\nburst 20\n", NULL, "{\"left\":20}\n"},
    {"a burst", "# a comment\n\nburst 5", NULL, "{\"left\":5}\n"},
    {"a key that is not known", "rate 1\nbrust 5\n", "line 2: ", NULL},
    {"no number", "rate many\n", "line 1: ", NULL},
    {"a burst of nothing", "burst 0\n", "line 1: ", NULL},
    {"a number that is too large", "rate 99999999999999999999\n", "line 1: ", NULL},
};

static void check_config(void **state)
{
    const struct config_row *row = *state;
    const struct lockstep_module *module = open_module("ratelimit-1.0.0");
    struct answer answer;
    if (row->error != NULL) {
        assert_int_not_equal(load(module, row->config, &answer), 0);
        assert_memory_equal(answer.text, row->error, strlen(row->error));
        return;
    }
    assert_int_equal(load(module, row->config, &answer), 0);
    assert_int_equal(call(module, 1, "somebody new", &answer), 1);
    assert_int_equal(call(module, 1, "nobody", &answer), 0);
    assert_string_equal(answer.text, row->peek);
}

static void takes_and_refills(void **state)
{
    const struct lockstep_module *module = open_module("ratelimit-1.0.0");
    struct answer answer;
    (void)state;
    assert_int_equal(load(module, "rate 10\nburst 3\n", &answer), 0);
    assert_int_equal(call(module, 0, "a 2", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":true,\"left\":1}\n");
    assert_int_equal(call(module, 0, "a 2", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":false,\"left\":1}\n");
    now_ms += 100;
    assert_int_equal(call(module, 0, "a 2", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":true,\"left\":0}\n");
    assert_int_equal(call(module, 1, "b", &answer), 0);
    assert_string_equal(answer.text, "{\"left\":3}\n");
    assert_int_not_equal(call(module, 0, "", &answer), 0);
    assert_int_not_equal(call(module, 0, "a -1", &answer), 0);
    module->retire();
}

/* Moves to TO what WRITE writes in SCHEMA; the records are in *ret_records. */
static void move(int (*write)(struct lockstep_records_sink *), uint32_t schema,
                 const struct lockstep_module *to, struct lockstep_records *ret_records)
{
    struct answer why;
    lockstep_records_init(ret_records, STATE_MAX);
    assert_int_equal(write(&ret_records->sink), 0);
    lockstep_records_rewind(ret_records);
    begin(&why);
    assert_int_equal(to->up(schema, &ret_records->source, &why.sink), 0);
}

static const struct lockstep_module *second;

static int down_to_1(struct lockstep_records_sink *sink)
{
    return second->down(1, sink);
}

/* Adds the residue of FROM to the state in INTO, as a host does on the way up. */
static void add_residue(const struct lockstep_records *from, struct lockstep_records *into)
{
    for (size_t i = 0; i < from->count; i++) {
        const struct lockstep_records_entry *entry = &from->entries[i];
        const struct lockstep_record record = {.key = from->bytes + entry->at,
                                               .key_size = entry->key_size,
                                               .value = from->bytes + entry->at + entry->key_size,
                                               .value_size = entry->value_size,
                                               .residue = true};
        if (entry->residue) {
            assert_true(into->sink.put(&into->sink, &record));
        }
    }
}

static void keeps_what_was_counted(void **state)
{
    const struct lockstep_module *first = open_module("ratelimit-1.0.0");
    struct lockstep_records going_up;
    struct lockstep_records going_down;
    struct lockstep_records again;
    struct answer answer;
    (void)state;
    second = open_module("ratelimit-2.0.0");
    assert_int_equal(load(first, "rate 0\nburst 20\n", &answer), 0);
    assert_int_equal(load(second, "rate 0\nburst 20\n", &answer), 0);
    assert_int_equal(call(first, 0, "a 5", &answer), 0);
    move(first->save, 1, second, &going_up);
    assert_int_equal(call(second, 0, "a 7", &answer), 0);
    assert_int_equal(call(second, 0, "a 9", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":false,\"left\":8,\"granted\":7,\"denied\":1}\n");
    move(down_to_1, 1, first, &going_down);
    assert_int_equal(call(first, 0, "a 3", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":true,\"left\":5}\n");
    lockstep_records_init(&again, STATE_MAX);
    assert_int_equal(first->save(&again.sink), 0);
    add_residue(&going_down, &again);
    lockstep_records_rewind(&again);
    assert_int_equal(second->up(1, &again.source, &answer.sink), 0);
    assert_int_equal(call(second, 1, "a", &answer), 0);
    assert_string_equal(answer.text, "{\"left\":5,\"granted\":7,\"denied\":1}\n");
    lockstep_records_deinit(&going_up);
    lockstep_records_deinit(&going_down);
    lockstep_records_deinit(&again);
    first->retire();
    second->retire();
}

static void carries_many_records(void **state)
{
    const struct lockstep_module *first = open_module("ratelimit-1.0.0");
    struct lockstep_records before;
    struct lockstep_records after;
    struct answer answer;
    (void)state;
    second = open_module("ratelimit-2.0.0");
    assert_int_equal(load(first, "rate 0\nburst 20\n", &answer), 0);
    for (unsigned i = 0; i < MANY; i++) {
        char request[64];
        (void)snprintf(request, sizeof(request), "client-%u %u", i, i % 20);
        assert_int_equal(call(first, 0, request, &answer), 0);
    }
    move(first->save, 1, second, &before);
    assert_int_equal(before.count, MANY);
    move(down_to_1, 1, first, &after);
    assert_true(lockstep_records_equal(&before, &after));
    assert_int_equal(call(first, 1, "client-77777", &answer), 0);
    assert_string_equal(answer.text, "{\"left\":3}\n");
    lockstep_records_deinit(&before);
    lockstep_records_deinit(&after);
    first->retire();
    second->retire();
}

/* A damaged state is refused, and what was there stays: a value that is too short and one that is
 * too long, and a schema that is not known. */
static void refuses_damaged_state(void **state)
{
    static const char value[4 * 8 + 1] = "";
    const struct lockstep_module *module = open_module("ratelimit-2.0.0");
    struct answer answer;
    (void)state;
    assert_int_equal(load(module, "rate 0\nburst 20\n", &answer), 0);
    assert_int_equal(call(module, 0, "a 5", &answer), 0);
    for (uint32_t size = 4 * 8 - 1; size <= 4 * 8 + 1; size++) {
        const struct lockstep_record record = {
            .key = "a", .key_size = 1, .value = value, .value_size = size};
        struct lockstep_records records;
        lockstep_records_init(&records, STATE_MAX);
        assert_true(records.sink.put(&records.sink, &record));
        begin(&answer);
        assert_int_not_equal(module->up(size == 4 * 8 ? 3 : 2, &records.source, &answer.sink), 0);
        assert_true(answer.length > 0);
        lockstep_records_deinit(&records);
    }
    assert_int_equal(call(module, 1, "a", &answer), 0);
    assert_string_equal(answer.text, "{\"left\":15,\"granted\":5,\"denied\":0}\n");
    module->retire();
}

/* The table has a bound; full buckets, which say nothing, make room. */
static void forgets_whom_it_need_not_know(void **state)
{
    const struct lockstep_module *module = open_module("ratelimit-1.0.0");
    struct answer answer;
    (void)state;
    assert_int_equal(load(module, "rate 1\nburst 2\n", &answer), 0);
    for (unsigned i = 0; i < BUCKETS_MAX; i++) {
        char request[32];
        (void)snprintf(request, sizeof(request), "client-%u", i);
        assert_int_equal(call(module, 0, request, &answer), 0);
    }
    assert_int_not_equal(call(module, 0, "one-too-many", &answer), 0);
    assert_int_equal(call(module, 0, "client-0", &answer), 0);
    now_ms += 2000;
    assert_int_equal(call(module, 0, "one-too-many", &answer), 0);
    assert_string_equal(answer.text, "{\"allowed\":true,\"left\":1}\n");
    module->retire();
}

/* A clock that was set back gives nothing away. */
static void clock_goes_back(void **state)
{
    const struct lockstep_module *module = open_module("ratelimit-1.0.0");
    struct answer answer;
    (void)state;
    assert_int_equal(load(module, "rate 1\nburst 3\n", &answer), 0);
    assert_int_equal(call(module, 0, "a 2", &answer), 0);
    now_ms -= 1000;
    assert_int_equal(call(module, 0, "a 0", &answer), 0);
    now_ms += 1000;
    assert_int_equal(call(module, 1, "a", &answer), 0);
    assert_string_equal(answer.text, "{\"left\":1}\n");
    module->retire();
}

/* The probe's word on the whole: both second versions as one set, with a real state. */
static void passes_the_probe(void **state)
{
    static const char *const files[] = {"markdown-2.0.0", "ratelimit-2.0.0"};
    const struct lockstep_module *first = open_module("ratelimit-1.0.0");
    struct lockstep_probe_request *request = lockstep_probe_request_new();
    struct lockstep_probe_verdict *verdict = lockstep_probe_verdict_new();
    struct lockstep_records records;
    struct answer answer;
    size_t size = 0;
    uint8_t *bytes;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);
    (void)state;
    assert_int_equal(load(first, "", &answer), 0);
    assert_int_equal(call(first, 0, "a 5", &answer), 0);
    lockstep_records_init(&records, STATE_MAX);
    assert_int_equal(first->save(&records.sink), 0);
    bytes = lockstep_records_print(&records, 1, &size);
    assert_int_equal(write(fd, bytes, size), size);
    for (size_t i = 0; i < 2; i++) {
        lockstep_probe_subject_init(&request->subjects[i]);
        (void)snprintf(request->subjects[i].file, sizeof(request->subjects[i].file),
                       MODULES "%s.so", files[i]);
    }
    request->subjects_count = 2;
    request->subjects[1].snapshot_fd = fd;
    assert_int_equal(lockstep_probe_try(request, verdict, NULL), LOCKSTEP_OK);
    assert_string_equal(verdict->findings[0].text, "");
    assert_true(verdict->ok);
    assert_int_equal(verdict->subjects[0].rollback, LOCKSTEP_PROBE_ROLLBACK_STATELESS);
    assert_int_equal(verdict->subjects[1].rollback, LOCKSTEP_PROBE_ROLLBACK_LOSSLESS);
    (void)close(fd);
    free(bytes);
    lockstep_records_deinit(&records);
    (void)lockstep_probe_request_free(request);
    (void)lockstep_probe_verdict_free(verdict);
    first->retire();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_and_refills),
        cmocka_unit_test(keeps_what_was_counted),
        cmocka_unit_test(carries_many_records),
        cmocka_unit_test(refuses_damaged_state),
        cmocka_unit_test(forgets_whom_it_need_not_know),
        cmocka_unit_test(clock_goes_back),
        cmocka_unit_test(passes_the_probe),
    };
    return LOCKSTEP_RUN_TABLE("markdown", render_rows, check_render) +
           LOCKSTEP_RUN_TABLE("ratelimit configuration", config_rows, check_config) +
           cmocka_run_group_tests_name("ratelimit", tests, NULL, NULL);
}
