/* Samples of the configuration files, with every key. A test loads what is printed. */
#include "common/io/config_yaml.h"

#include "common/base/limits.h"
#include "common/io/value.h"

static void print_settings(FILE *out)
{
    (void)fputs("\n# Times and counts. Each is shown with its default.\n#settings:\n", out);
    for (size_t i = 0; i < lockstep_default_count; i++) {
        const struct lockstep_default *row = &lockstep_default_rows[i];
        char value[LOCKSTEP_VALUE_TEXT];
        if (row->unit == LOCKSTEP_UNIT_MS) {
            lockstep_duration_format(row->value, value);
        } else {
            (void)snprintf(value, sizeof(value), "%llu", (unsigned long long)row->value);
        }
        (void)fprintf(out, "#  # %s\n#  %s: %s\n", row->text, row->key, value);
    }
}

static void print_log(FILE *out)
{
    (void)fprintf(out,
                  "\n# What is logged: error, warning, info or debug.\n"
                  "#log: %s\n",
                  lockstep_level_name(LOCKSTEP_LEVEL_DEFAULT));
}

static void print_coordinator(FILE *out)
{
    char size[LOCKSTEP_VALUE_TEXT];
    lockstep_size_format(LOCKSTEP_ARTIFACT_MAX, size);
    (void)fprintf(out,
                  "# Configuration of lockstepd. Relative paths begin at this file's directory.\n"
                  "\n# Journal, key, trust bundle and artifacts.\n"
                  "#data: %s\n"
                  "\n# Where agents and operators come in.\n"
                  "#listen:\n#  - %s\n"
                  "\n# The largest artifact that is taken, at most 1GiB.\n"
                  "#artifact_max: %s\n",
                  LOCKSTEP_CONFIG_COORDINATOR_DATA, LOCKSTEP_CONFIG_LISTEN, size);
    print_log(out);
    print_settings(out);
}

static void print_agent(FILE *out)
{
    (void)fprintf(
        out,
        "# Configuration of lockstep-agent. Relative paths begin at this file's directory.\n"
        "\n# The name of this node, as in the join token. Required.\n"
        "#name: node-1\n"
        "\n# Where the coordinators are. At least one is required.\n"
        "#coordinators:\n#  - url: %s\n"
        "\n# Journal, key, trust bundle and stored versions.\n"
        "#data: %s\n"
        "\n# Sockets.\n"
        "#run: %s\n"
        "\n# MODULE.conf files, one a module, handed to the module as they are.\n"
        "#config_dir: %s\n"
        "\n# Directories on this machine with signed modules.\n"
        "#module_path:\n#  - /usr/lib/lockstep/modules\n"
        "\n# Processes that modules live in. Without a command it is the stock host.\n"
        "#services:\n#  - name: %s\n#    command: [/usr/bin/my-service, --verbose]\n"
        "#    # So many of it serve on one socket, 1 to 16; then no module of it may have state.\n"
        "#    processes: 1\n"
        "#    # What is looked at to see whether it is well: a tool, a command that ends with 0,\n"
        "#    # or a page on this machine. So many failures in a row, while a version is in its\n"
        "#    # soak or window, and it goes back.\n"
        "#    health:\n"
        "#      - name: pays\n#        module: pay\n#        tool: pay.balance\n"
        "#        request: ann\n#        expect: eur\n"
        "#      - name: queue\n#        command: [/usr/lib/my-service/check, --queue]\n"
        "#      - name: front\n#        http: http://127.0.0.1:8080/health\n"
        "#        status: 200\n#        interval: 2s\n#        timeout: 1s\n"
        "#        failures: 2\n"
        "# Or something else, driven by five programs: see lockstep-agent(8).\n"
        "#  - name: nginx\n#    exec:\n"
        "#      validate: [/usr/lib/lockstep/exec/nginx, validate]\n"
        "#      snapshot: [/usr/lib/lockstep/exec/nginx, snapshot]\n"
        "#      apply: [/usr/lib/lockstep/exec/nginx, apply]\n"
        "#      health: [/usr/lib/lockstep/exec/nginx, health]\n"
        "#      revert: [/usr/lib/lockstep/exec/nginx, revert]\n"
        "#      # What is kept of what each prints, at most 64KiB.\n"
        "#      output: 16KiB\n"
        "\n# How well a module with state must be able to go back: lossless, journaled, snapshot.\n"
        "#rollback_at_least: [snapshot, ledger=lossless]\n"
        "\n# Programs, where they are not beside the agent's own or in libexec.\n"
        "#probe: /usr/libexec/lockstep/lockstep-probe\n"
        "#host: /usr/libexec/lockstep/lockstep-host\n",
        LOCKSTEP_CONFIG_LISTEN, LOCKSTEP_CONFIG_AGENT_DATA, LOCKSTEP_CONFIG_AGENT_RUN,
        LOCKSTEP_CONFIG_MODULES, LOCKSTEP_CONFIG_SERVICE);
    print_log(out);
    print_settings(out);
}

static void print_operator(FILE *out)
{
    (void)fprintf(
        out,
        "# Configuration of the lockstep command. Relative paths begin at this file's\n"
        "# directory.\n"
        "\n# The coordinator, its public key and the id of its cluster.\n"
        "#coordinator: %s\n"
        "#coordinator_key: "
        "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n"
        "#cluster: aaaaaaaaaaaaaaaaaaaaaaaaaa\n"
        "\n# Your name in the trust bundle, and the files with your keys. Both may be one "
        "file.\n"
        "#name: ann\n"
        "#channel_key: ann.key\n"
        "#sign_key: ann.key\n",
        LOCKSTEP_CONFIG_LISTEN);
}

void lockstep_config_sample(enum lockstep_config_kind kind, FILE *out)
{
    switch (kind) {
    case LOCKSTEP_CONFIG_COORDINATOR:
        print_coordinator(out);
        break;
    case LOCKSTEP_CONFIG_AGENT:
        print_agent(out);
        break;
    case LOCKSTEP_CONFIG_OPERATOR:
        print_operator(out);
        break;
    }
}
