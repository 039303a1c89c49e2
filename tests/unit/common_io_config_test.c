#include "common/io/config.h"

#include "common/base/limits.h"
#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char directory[] = "/tmp/lockstep-config-XXXXXX";
static char path[64];

static void write_bytes(const char *text, size_t length)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
}

static enum lockstep_err load_coordinator(struct lockstep_error *err)
{
    struct lockstep_config_coordinator config = {0};
    enum lockstep_err code = lockstep_config_coordinator_load(path, &config, err);
    lockstep_config_coordinator_deinit(&config);
    return code;
}

static enum lockstep_err load_agent(struct lockstep_error *err)
{
    struct lockstep_config_agent config = {0};
    enum lockstep_err code = lockstep_config_agent_load(path, &config, err);
    lockstep_config_agent_deinit(&config);
    return code;
}

static enum lockstep_err load_operator(struct lockstep_error *err)
{
    struct lockstep_config_operator config = {0};
    enum lockstep_err code = lockstep_config_operator_load(path, &config, NULL, err);
    lockstep_config_operator_deinit(&config);
    return code;
}

typedef enum lockstep_err load_fn(struct lockstep_error *err);

struct file_row {
    const char *name;
    load_fn *load;
    const char *text;
    const char *says; /* behind "DIRECTORY/file.yaml"; NULL: it is taken */
};

#define AGENT "name: a\ncoordinators:\n  - url: tcp://127.0.0.1:7701\n"

#define VERBS  "snapshot: [/s], apply: [/a], health: [/h], revert: [/r]"
#define HEALTH "services:\n  - name: a\n    health: "
#define EXEC   "services:\n  - name: a\n    exec: {"

static const struct file_row file_rows[] = {
    {"only a comment", load_coordinator, "# nothing\n", NULL},
    {"empty mapping", load_coordinator, "{}\n", NULL},
    {"block style", load_coordinator, "data: /d\nlisten:\n  - tcp://127.0.0.1:0\n", NULL},
    {"flow style", load_coordinator, "{data: /d, listen: [\"tcp://127.0.0.1:0\"]}\n", NULL},
    {"settings", load_coordinator, "settings:\n  soak: 500ms\n  operations: 3\n", NULL},
    {"quoted", load_coordinator, "\"data\": \"/d\"\n", NULL},

    {"empty", load_coordinator, "", ": the file is empty; is it whole?"},
    {"cut in a line", load_coordinator, "data: /var/lib/lo", ": the last line has no end"},
    {"cut in a list", load_coordinator, "data: /d\nlisten: [tcp://a:1,\n",
     ":2: listen: did not find expected"},
    {"cut in a quote", load_coordinator, "data: \"/d\n", ": "},
    {"cut behind a key", load_coordinator, "data:\n", ":1: data: it has no value"},
    {"control characters", load_coordinator, "data: \x01\n",
     ": control characters are not allowed"},
    {"not UTF-8", load_coordinator, "data: \xff\xfe\n", ": "},
    {"a list", load_coordinator, "- data\n", ": Expecting MAPPING"},
    {"a text", load_coordinator, "data\n", ": Expecting MAPPING"},
    {"tabs", load_coordinator, "settings:\n\tsoak: 1s\n", ": "},
    {"two documents", load_coordinator, "data: /a\n---\ndata: /b\n", ": Ignoring documents"},
    {"a key twice", load_coordinator, "data: /a\ndata: /b\n",
     ":1: data: Mapping field already seen: data"},
    {"an alias", load_coordinator, "data: &a /a\nlog: *a\n", ": "},

    {"unknown key, near", load_coordinator, "# data, lsten\ndata: /a\nlsten: [a]\n",
     ":3: lsten: there is no such key; did you mean listen?"},
    {"unknown key, far", load_coordinator, "data: /a\nzzzzzzzz: 1\n",
     ":2: zzzzzzzz: there is no such key"},
    {"unknown setting", load_coordinator, "settings:\n  soak: 1s\n  heartbaet: 1s\n",
     ":3: heartbaet: there is no such key in settings; did you mean heartbeat?"},
    {"a setting of another version", load_coordinator, "settings:\n  soak_wave: 1s\n",
     ":2: soak_wave: there is no such key in settings"},
    {"unknown key of a list", load_agent, AGENT "services:\n  - name: a\n  - nam: b\n",
     ":6: nam: there is no such key in services; did you mean name?"},
    {"unknown key of a list, in flow style", load_agent,
     AGENT "services: [{name: a, comand: [x]}]\n",
     ":4: comand: there is no such key in services; did you mean command?"},
    {"a text for a list", load_coordinator, "data: /a\nlisten: tcp://a:1\n",
     ":2: listen: Expecting SEQUENCE"},
    {"a list for a text", load_coordinator, "data: [a]\n", ":1: data: Expecting STRING"},

    {"no URL", load_coordinator, "listen:\n  - 127.0.0.1:7701\n",
     ":2: listen: 127.0.0.1:7701 is neither tcp://HOST:PORT"},
    {"URL without port", load_coordinator, "listen: [\"tcp://127.0.0.1\"]\n",
     ":1: listen: tcp://127.0.0.1 is neither"},
    {"TLS", load_coordinator, "listen: [\"tls+tcp://a:1\"]\n", "is neither"},
    {"port too large", load_coordinator, "listen: [\"tcp://a:65536\"]\n", "is neither"},
    {"URL with a blank", load_coordinator, "listen: [\"tcp://a b:1\"]\n", "is neither"},
    {"the second URL", load_agent, "name: a\ncoordinators:\n  - url: tcp://a:1\n  - url: tcp://a\n",
     ":4: url: tcp://a is neither"},
    {"a comment is no key", load_coordinator, "# log: loud\n\nlog: loud\n", ":3: log: loud is"},
    {"unix socket", load_coordinator, "listen: [\"ipc:///run/x\"]\n", NULL},
    {"home directory", load_coordinator, "data: ~/x\n", ":1: data: ~/x: write the home directory"},
    {"log level", load_coordinator, "log: loud\n", ":1: log: loud is none of error, warning"},
    {"artifact size", load_coordinator, "artifact_max: 128MiB\n", NULL},
    {"artifact size, no unit", load_coordinator, "artifact_max: 64M\n", ":1: artifact_max: 64M is"},
    {"artifact size, too large", load_coordinator, "artifact_max: 2GiB\n", "between 1 and 1GiB"},
    {"setting without a unit", load_coordinator, "settings:\n  soak: 10\n",
     ":2: soak: 10 is no duration, like 500ms"},
    {"setting too small", load_coordinator, "settings:\n  connect: 1ms\n",
     ":2: connect: 1ms is not between 10ms and 1h"},
    {"setting too large", load_coordinator, "settings:\n  operations: 65\n",
     ":2: operations: 65 is not between 1 and 64"},
    {"setting that overflows", load_coordinator, "settings:\n  soak: 99999999999999999999s\n",
     ":2: soak: 99999999999999999999s is no duration"},
    {"settings out of order", load_coordinator,
     "settings:\n  query_last: 10ms\n  query_first: 1s\n",
     ":3: query_first: it is larger than query_last"},

    {"agent", load_agent, AGENT, NULL},
    {"rollback class", load_agent,
     "name: a\ncoordinators: [{url: \"tcp://a:1\"}]\nrollback_at_least: [good]\n",
     ":3: rollback_at_least: 'good' is neither CLASS nor MODULE=CLASS"},
    {"rollback class of no module", load_agent,
     "name: a\ncoordinators: [{url: \"tcp://a:1\"}]\nrollback_at_least: [A=none]\n",
     "'A=none' is neither"},
    {"agent without name", load_agent, "data: /a\n", ": name: it is missing"},
    {"agent with a bad name", load_agent, "name: Node_1\n", ":1: name: Node_1 is no name"},
    {"agent without coordinators", load_agent, "name: a\n", ": coordinators: none is given"},
    {"coordinator without url", load_agent, "name: a\ncoordinators:\n  - {}\n",
     ":2: coordinators: number 1 has no url"},
    {"service twice", load_agent, AGENT "services:\n  - name: a\n  - name: a\n",
     ":4: services: a is named twice"},
    {"no process", load_agent, AGENT "services: [{name: a, processes: 0}]\n",
     ":4: processes: 0 is no number from 1 to 16"},
    {"too many processes", load_agent, AGENT "services: [{name: a, processes: 17}]\n",
     ":4: processes: 17 is no number from 1 to 16"},
    {"some processes", load_agent, AGENT "services: [{name: a, processes: 2x}]\n",
     ":4: processes: 2x is no number from 1 to 16"},
    {"service without name", load_agent, AGENT "services:\n  - command: [/bin/true]\n",
     ":4: services: number 1 has no name"},
    {"health checks", load_agent,
     AGENT HEALTH "[{name: a, tool: x.y, request: z, expect: w, module: x}, {name: b, command: "
                  "[/b, c], interval: 1s, timeout: 2s, failures: 3}, {name: c, http: "
                  "\"http://127.0.0.1:1/\", status: 204}]\n",
     NULL},
    {"a check without a name", load_agent, AGENT HEALTH "[{tool: x.y}]\n", "a check has no name"},
    {"a check twice", load_agent, AGENT HEALTH "[{name: a, tool: x}, {name: a, tool: y}]\n",
     "health: a is named twice"},
    {"a check of nothing", load_agent, AGENT HEALTH "[{name: a}]\n",
     "health: a needs one of tool, command and http"},
    {"a check of two things", load_agent, AGENT HEALTH "[{name: a, tool: x, command: [/x]}]\n",
     "health: a needs one of tool, command and http"},
    {"a check that expects of a command", load_agent,
     AGENT HEALTH "[{name: a, command: [/x], expect: y}]\n", "request and expect belong to a tool"},
    {"a status of a tool", load_agent, AGENT HEALTH "[{name: a, tool: x, status: 200}]\n",
     "status: it belongs to http"},
    {"a check by a name in PATH", load_agent, AGENT HEALTH "[{name: a, command: [x]}]\n",
     "command: x: name the program by its whole path"},
    {"a page elsewhere", load_agent, AGENT HEALTH "[{name: a, http: \"http://10.0.0.1/\"}]\n",
     "http: http://10.0.0.1/ is no page of this machine"},
    {"a check too often", load_agent, AGENT HEALTH "[{name: a, tool: x, interval: 1ms}]\n",
     "interval: 1ms is no duration between 10ms and 1h"},
    {"a check that never fails", load_agent, AGENT HEALTH "[{name: a, tool: x, failures: 0}]\n",
     "failures: 0 is no number between 1 and 1000"},
    {"a status that is none", load_agent,
     AGENT HEALTH "[{name: a, http: \"http://[::1]/\", status: 99}]\n",
     "status: 99 is no status between 100 and 599"},
    {"service driven by verbs", load_agent, AGENT EXEC "validate: [/v, x], " VERBS "}\n", NULL},
    {"a verb is missing", load_agent, AGENT EXEC VERBS "}\n", "exec: validate is missing"},
    {"a verb's program by its name", load_agent, AGENT EXEC "validate: [nginx], " VERBS "}\n",
     "validate: nginx: write the program's path in full"},
    {"unknown key of exec", load_agent, AGENT EXEC "validat: [/v], " VERBS "}\n",
     "there is no such key in exec; did you mean validate?"},
    {"output of a verb", load_agent, AGENT EXEC "output: 1MiB, validate: [/v], " VERBS "}\n",
     "output: 1MiB is no size from 1 to 64KiB"},
    {"a command and verbs", load_agent,
     AGENT "services:\n  - {name: a, command: [/c], exec: {validate: [/v], " VERBS "}}\n",
     "exec: a has a command, too"},
    {"no switch for signatures", load_agent, AGENT "enforce: false\n",
     ":4: enforce: there is no such key"},

    {"operator", load_operator, "coordinator: tcp://127.0.0.1:7701\nname: ann\n", NULL},
    {"cluster", load_operator, "cluster: abc\n", ":1: cluster: abc is no id"},
    {"key", load_operator, "coordinator_key: abc\n", ":1: coordinator_key: it is no public key"},
};

static void check_file(void **state)
{
    const struct file_row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    enum lockstep_err code;
    write_bytes(row->text, strlen(row->text));
    code = row->load(&err);
    if (row->says == NULL) {
        if (code != LOCKSTEP_OK) {
            fail_msg("%s", err.message);
        }
        return;
    }
    assert_int_equal(code, LOCKSTEP_INVALID);
    if (strncmp(err.message, path, strlen(path)) != 0 || strstr(err.message, row->says) == NULL) {
        fail_msg("%s", err.message);
    }
}

static void join(char *text, size_t size, const char *name)
{
    (void)snprintf(text, size, "%s/%s", directory, name);
}

static void coordinator_whole(void **state)
{
    static const char text[] = "data: state\n"
                               "listen: [\"tcp://0.0.0.0:1\", \"ipc:///run/x\"]\n"
                               "log: debug\n"
                               "artifact_max: 1MiB\n"
                               "settings:\n"
                               "  soak: 0\n"
                               "  heartbeats_a_second: 7\n";
    struct lockstep_config_coordinator config = {0};
    struct lockstep_defaults defaults;
    char data[64];
    (void)state;
    write_bytes(text, strlen(text));
    assert_int_equal(lockstep_config_coordinator_load(path, &config, NULL), LOCKSTEP_OK);
    join(data, sizeof(data), "state");
    assert_string_equal(config.data, data);
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[1], "ipc:///run/x");
    assert_int_equal(config.log, LOCKSTEP_LEVEL_DEBUG);
    assert_int_equal(config.artifact_max, 1 << 20);
    lockstep_defaults_init(&defaults);
    defaults.soak = 0;
    defaults.heartbeats_a_second = 7;
    assert_memory_equal(&config.settings, &defaults, sizeof(defaults));
    lockstep_config_coordinator_deinit(&config);
    lockstep_config_coordinator_deinit(&config);
}

static void coordinator_defaults(void **state)
{
    struct lockstep_config_coordinator config = {0};
    struct lockstep_defaults defaults;
    (void)state;
    write_bytes("#\n", 2);
    assert_int_equal(lockstep_config_coordinator_load(path, &config, NULL), LOCKSTEP_OK);
    lockstep_defaults_init(&defaults);
    assert_string_equal(config.data, "/var/lib/lockstep/coordinator");
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], LOCKSTEP_CONFIG_LISTEN);
    assert_int_equal(config.log, LOCKSTEP_LEVEL_INFO);
    assert_int_equal(config.artifact_max, LOCKSTEP_ARTIFACT_MAX);
    assert_memory_equal(&config.settings, &defaults, sizeof(defaults));
    lockstep_config_coordinator_deinit(&config);
}

static void agent_whole(void **state)
{
    static const char text[] = "name: node-1\n"
                               "run: /run/x\n"
                               "coordinators: [{url: \"tcp://a:1\"}, {url: \"tcp://b:2\"}]\n"
                               "module_path: [mods, /usr/lib/mods]\n"
                               "rollback_at_least: [snapshot, ledger=lossless]\n"
                               "host: bin/host\n"
                               "services:\n"
                               "  - name: default\n"
                               "  - name: web\n"
                               "    processes: 4\n"
                               "    command: [/usr/bin/web, --fast]\n";
    struct lockstep_config_agent config = {0};
    char file[64];
    (void)state;
    write_bytes(text, strlen(text));
    assert_int_equal(lockstep_config_agent_load(path, &config, NULL), LOCKSTEP_OK);
    assert_string_equal(config.name.text, "node-1");
    assert_string_equal(config.run, "/run/x");
    join(file, sizeof(file), "modules");
    assert_string_equal(config.config_dir, file);
    join(file, sizeof(file), "bin/host");
    assert_string_equal(config.host, file);
    assert_null(config.probe);
    assert_int_equal(config.coordinators.count, 2);
    assert_string_equal(config.coordinators.items[1], "tcp://b:2");
    join(file, sizeof(file), "mods");
    assert_string_equal(config.module_path.items[0], file);
    assert_string_equal(config.module_path.items[1], "/usr/lib/mods");
    assert_int_equal(config.rollback_at_least.count, 2);
    assert_string_equal(config.rollback_at_least.items[1], "ledger=lossless");
    assert_int_equal(config.service_count, 2);
    assert_int_equal(config.services[0].command.count, 0);
    assert_int_equal(config.services[0].processes, 1);
    assert_int_equal(config.services[1].processes, 4);
    assert_string_equal(config.services[1].command.items[1], "--fast");
    lockstep_config_agent_deinit(&config);
    lockstep_config_agent_deinit(&config);
}

static void agent_defaults(void **state)
{
    struct lockstep_config_agent config = {0};
    (void)state;
    write_bytes(AGENT, strlen(AGENT));
    assert_int_equal(lockstep_config_agent_load(path, &config, NULL), LOCKSTEP_OK);
    assert_int_equal(config.service_count, 1);
    assert_string_equal(config.services[0].name.text, "default");
    assert_string_equal(config.data, "/var/lib/lockstep/agent");
    assert_string_equal(config.run, "/run/lockstep");
    lockstep_config_agent_deinit(&config);
}

static void operator_whole(void **state)
{
    static const char text[] =
        "coordinator: ipc:///run/x\n"
        "cluster: abcdefghijklmnopqrstuvwxy4\n"
        "coordinator_key: 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
        "channel_key: ann.key\n"
        "sign_key: /keys/ann.key\n";
    struct lockstep_config_operator config = {0};
    bool missing = true;
    char file[64];
    (void)state;
    write_bytes(text, strlen(text));
    assert_int_equal(lockstep_config_operator_load(path, &config, &missing, NULL), LOCKSTEP_OK);
    assert_false(missing);
    assert_string_equal(config.coordinator, "ipc:///run/x");
    assert_false(lockstep_id_is_zero(&config.cluster));
    assert_true(config.coordinator_key_given);
    assert_int_equal(config.coordinator_key[31], 0xFF);
    join(file, sizeof(file), "ann.key");
    assert_string_equal(config.channel_key, file);
    assert_string_equal(config.sign_key, "/keys/ann.key");
    assert_string_equal(config.name.text, "");
    lockstep_config_operator_deinit(&config);
}

static void missing_file(void **state)
{
    struct lockstep_config_operator config = {0};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    bool missing = false;
    (void)state;
    (void)unlink(path);
    assert_int_equal(lockstep_config_operator_load(path, &config, &missing, &err), LOCKSTEP_OK);
    assert_true(missing);
    assert_int_equal(lockstep_config_operator_load(path, &config, NULL, &err), LOCKSTEP_IO);
    assert_non_null(strstr(err.message, "No such file"));
    assert_int_equal(load_coordinator(&err), LOCKSTEP_IO);
}

static void odd_files(void **state)
{
    struct lockstep_config_coordinator config = {0};
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char *large = malloc(LOCKSTEP_CONFIG_FILE_MAX + 1);
    (void)state;
    assert_int_equal(lockstep_config_coordinator_load(directory, &config, &err), LOCKSTEP_INVALID);
    write_bytes("data: /a\0\n", 10);
    assert_int_equal(load_coordinator(&err), LOCKSTEP_INVALID);
    assert_non_null(strstr(err.message, "zero bytes"));
    assert_non_null(large);
    memset(large, '\n', LOCKSTEP_CONFIG_FILE_MAX + 1);
    write_bytes(large, LOCKSTEP_CONFIG_FILE_MAX + 1);
    assert_int_equal(load_coordinator(&err), LOCKSTEP_LIMIT);
    write_bytes(large, LOCKSTEP_CONFIG_FILE_MAX);
    assert_int_equal(load_coordinator(&err), LOCKSTEP_OK);
    free(large);
}

/* Every beginning of a good file is refused or is a file of its own, and nothing leaks. */
static void cut_anywhere(void **state)
{
    static const char text[] = AGENT "services:\n  - name: web\n    command: [a, \"b\"]\n"
                                     "settings: {soak: 1s, operations: 2}\n";
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    (void)state;
    for (size_t cut = 0; cut < strlen(text); cut++) {
        write_bytes(text, cut);
        if (text[cut > 0 ? cut - 1 : 0] != '\n') {
            assert_int_equal(load_agent(&err), LOCKSTEP_INVALID);
        } else {
            (void)load_agent(&err);
        }
    }
}

struct sample_row {
    const char *name;
    enum lockstep_config_kind kind;
    load_fn *load;
};

static const struct sample_row sample_rows[] = {
    {"lockstepd.yaml", LOCKSTEP_CONFIG_COORDINATOR, load_coordinator},
    {"agent.yaml", LOCKSTEP_CONFIG_AGENT, load_agent},
    {"config.yaml", LOCKSTEP_CONFIG_OPERATOR, load_operator},
};

/* A sample with its keys uncommented is a configuration. A key's line begins with "#key" or with
 * "#  "; what is said to people begins with "# ". */
static void check_sample(void **state)
{
    const struct sample_row *row = *state;
    struct lockstep_error err = LOCKSTEP_ERROR_INIT;
    char *text = NULL;
    size_t size = 0;
    size_t keys = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    lockstep_config_sample(row->kind, out);
    assert_int_equal(fclose(out), 0);
    for (char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1) {
        if (line[0] == '#' && (line[1] != ' ' || line[2] == ' ')) {
            memmove(line, line + 1, strlen(line));
            keys++;
        }
    }
    write_bytes(text, strlen(text));
    if (row->load(&err) != LOCKSTEP_OK) {
        fail_msg("%s\n%s", err.message, text);
    }
    assert_true(keys > 5);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(coordinator_whole), cmocka_unit_test(coordinator_defaults),
        cmocka_unit_test(agent_whole),       cmocka_unit_test(agent_defaults),
        cmocka_unit_test(operator_whole),    cmocka_unit_test(missing_file),
        cmocka_unit_test(odd_files),         cmocka_unit_test(cut_anywhere),
    };
    int failed;
    if (mkdtemp(directory) == NULL) {
        return 1;
    }
    join(path, sizeof(path), "file.yaml");
    failed = LOCKSTEP_RUN_TABLE("files", file_rows, check_file) +
             LOCKSTEP_RUN_TABLE("samples", sample_rows, check_sample) +
             cmocka_run_group_tests_name("config", tests, NULL, NULL);
    (void)unlink(path);
    (void)rmdir(directory);
    return failed;
}
