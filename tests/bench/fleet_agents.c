/*
 * Simulated agents for `tests/bench/run fleet`, and what else that script needs:
 *
 *   fleet_agents enrol DIRECTORY COUNT        nodes into a coordinator's journal
 *   fleet_agents floor COUNT ROUNDS A B C D   the same messages over plain sockets
 *   fleet_agents run COUNT PORT CLUSTER KEY PID SIZES <STEPS
 *
 * `run` connects all agents, then does one step a line of its input: "rest MS", or "NAME COMMAND",
 * a command of the shell. It prints lines "NAME VALUE UNIT" and leaves the sizes of an operation's
 * messages in the file SIZES. PID is the coordinator's.
 */
#include "tests/bench/fleet_agents.h"

#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define STORM_MS 120000 /* a storm that has not settled by then never will */
#define LATE_MS  200    /* in which the coordinator has written what it writes late */
#define STEP_MAX 4096

void bench_must(bool fine, const char *what)
{
    if (!fine) {
        (void)fprintf(stderr, "fleet_agents: %s\n", what);
        exit(1);
    }
}

double bench_cpu_ms(const struct bench_fleet *fleet)
{
    struct timespec used;
    bench_must(clock_gettime(fleet->clock, &used) == 0, "the coordinator has ended");
    return (double)used.tv_sec * 1e3 + (double)used.tv_nsec / 1e6;
}

static void note(const char *of, const char *name, double value, const char *unit)
{
    (void)printf("%s_%s %.3f %s\n", of, name, value, unit);
    (void)fflush(stdout);
}

static double ms_since(uint64_t begun_us)
{
    return (double)(lockstep_monotonic_us() - begun_us) / 1000;
}

static void turn(struct bench_fleet *fleet, uint64_t most_ms)
{
    bench_must(lockstep_loop_once(fleet->loop, most_ms, NULL) == LOCKSTEP_OK, "the loop failed");
}

/* ---- steps ---------------------------------------------------------------------------------- */

static void storm(struct bench_fleet *fleet)
{
    uint64_t begun = lockstep_monotonic_us();
    double cpu = bench_cpu_ms(fleet);
    bench_dial_all(fleet);
    while (fleet->ready < fleet->count) {
        turn(fleet, 100);
        if (fleet->heartbeat_ms != 0 && fleet->pulse.due == NULL) {
            bench_begin_beating(fleet);
        }
        bench_must(ms_since(begun) < STORM_MS, "agents are not all ready after two minutes");
    }
    note("storm", "seconds", ms_since(begun) / 1000, "s");
    note("storm", "cpu", bench_cpu_ms(fleet) - cpu, "ms");
    note("storm", "lost_links", fleet->lost, "links");
}

static void rest(struct bench_fleet *fleet, double ms)
{
    uint64_t begun = lockstep_monotonic_us();
    uint64_t sent = fleet->sent;
    uint64_t received = fleet->received;
    double cpu = bench_cpu_ms(fleet);
    double passed;
    while (ms_since(begun) < ms) {
        turn(fleet, 10);
    }
    passed = ms_since(begun);
    note("rest", "cpu_percent", (bench_cpu_ms(fleet) - cpu) * 100 / passed, "%");
    note("rest", "heard_a_second", (double)(fleet->sent - sent) * 1000 / passed, "1/s");
    note("rest", "said_a_second", (double)(fleet->received - received) * 1000 / passed, "1/s");
}

struct ending {
    bool over;
    int status;
};

static void on_exit_of(void *context, pid_t pid, int status)
{
    struct ending *ending = context;
    (void)pid;
    ending->over = true;
    ending->status = status;
}

/* Runs a command of the shell while the agents go on. */
static void run(struct bench_fleet *fleet, const char *command)
{
    struct ending ending = {.over = false};
    struct lockstep_child child = {.exited = on_exit_of, .context = &ending};
    pid_t pid = fork();
    bench_must(pid >= 0, "no process");
    if (pid == 0) {
        sigset_t none;
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO); /* the steps are ours */
        (void)execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(127);
    }
    bench_must(lockstep_child_watch(fleet->loop, &child, pid, NULL) == LOCKSTEP_OK, "no pidfd");
    while (!ending.over) {
        turn(fleet, 100);
    }
    bench_must(WIFEXITED(ending.status) && WEXITSTATUS(ending.status) == 0, command);
}

static void note_operation(struct bench_fleet *fleet, const char *name, const char *sizes)
{
    const struct bench_operation *operation = &fleet->operation;
    uint64_t begun = lockstep_monotonic_us();
    uint32_t repeated = 0;
    FILE *file;
    while (ms_since(begun) < LATE_MS) {
        turn(fleet, 10);
    }
    note(name, "cpu_open", operation->cpu_prepare - operation->cpu_begin, "ms");
    note(name, "cpu_prepare", operation->cpu_commit - operation->cpu_prepare, "ms");
    note(name, "cpu_commit", bench_cpu_ms(fleet) - operation->cpu_commit, "ms");
    file = fopen(sizes, "we");
    bench_must(file != NULL, sizes);
    for (unsigned i = 0; i < 4; i++) {
        bench_must(operation->messages[i] >= fleet->count, "a message did not come");
        repeated += operation->messages[i] - fleet->count;
        (void)fprintf(file, "%zu ", operation->bytes[i] / operation->messages[i]);
    }
    (void)fclose(file);
    note(name, "repeated", repeated, "messages");
}

static void do_step(struct bench_fleet *fleet, char *line, const char *sizes)
{
    char *command = strchr(line, ' ');
    uint64_t begun;
    double cpu = bench_cpu_ms(fleet);
    struct lockstep_id before = fleet->operation.id;
    bench_must(command != NULL, "a step wants two words");
    *command++ = '\0';
    if (strcmp(line, "rest") == 0) {
        rest(fleet, strtod(command, NULL));
        return;
    }
    fleet->operation.cpu_begin = cpu;
    begun = lockstep_monotonic_us();
    run(fleet, command);
    note(line, "command", ms_since(begun), "ms");
    if (!lockstep_id_equal(&before, &fleet->operation.id)) {
        note_operation(fleet, line, sizes);
    }
    note(line, "cpu", bench_cpu_ms(fleet) - cpu, "ms");
}

/* ---- the beginning -------------------------------------------------------------------------- */

static int run_all(char **arguments)
{
    static struct bench_fleet fleet;
    char line[STEP_MAX];
    fleet.count = (uint32_t)strtoul(arguments[0], NULL, 10);
    fleet.port = (uint16_t)strtoul(arguments[1], NULL, 10);
    bench_must(lockstep_hex_parse(arguments[2], fleet.cluster.bytes, LOCKSTEP_ID_BYTES) &&
                   lockstep_hex_parse(arguments[3], fleet.remote, LOCKSTEP_NOISE_KEY),
               "the cluster and the key are hexadecimal");
    bench_must(clock_getcpuclockid((pid_t)strtol(arguments[4], NULL, 10), &fleet.clock) == 0,
               "there is no such process");
    fleet.agents = calloc(fleet.count, sizeof(*fleet.agents));
    fleet.codec = lockstep_wire_codec_new();
    bench_must(fleet.agents != NULL && fleet.codec != NULL &&
                   lockstep_loop_new(&fleet.loop, NULL) == LOCKSTEP_OK,
               "no memory");
    lockstep_defaults_init(&fleet.settings);
    lockstep_rng_init(&fleet.rng, 1);
    storm(&fleet);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        do_step(&fleet, line, arguments[5]);
    }
    bench_must(fleet.ready == fleet.count, "agents were lost on the way");
    return 0; /* the system takes back the rest */
}

int main(int argc, char **argv)
{
    size_t sizes[4] = {0};
    struct rlimit limit;
    bench_must(getrlimit(RLIMIT_NOFILE, &limit) == 0, "no limit of files");
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    bench_must(sodium_init() >= 0, "no randomness");
    if (argc == 4 && strcmp(argv[1], "enrol") == 0) {
        return bench_enrol(argv[2], (uint32_t)strtoul(argv[3], NULL, 10));
    }
    if (argc == 8 && strcmp(argv[1], "floor") == 0) {
        for (unsigned i = 0; i < 4; i++) {
            sizes[i] = strtoul(argv[4 + i], NULL, 10);
            bench_must(sizes[i] > 0 && sizes[i] <= LOCKSTEP_CHANNEL_FRAME, "a size out of range");
        }
        return bench_floor((uint32_t)strtoul(argv[2], NULL, 10),
                           (unsigned)strtoul(argv[3], NULL, 10), sizes);
    }
    bench_must(argc == 8 && strcmp(argv[1], "run") == 0, "the arguments are wrong");
    return run_all(argv + 2);
}
