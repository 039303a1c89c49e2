/*
 * What the host costs: calls through the gate, a hundred modules exchanged, state moved, a crash,
 * and what an agent says of it all. See host_bench_*.c for what each figure is.
 */
#include "tests/bench/host_bench.h"

#include <string.h>

#include <sodium.h>

enum {
    SWAP = 2 * CALL_KINDS,
    WARM,
    COLD,
    BACK,
    STALL,
    FLOW,
    MD5_MAPPED,
    MD5_STAT,
    MIGRATE_4,
    MIGRATE_5,
    MIGRATE_6,
    RESTART,
    RESULTS,
};

static struct result results[RESULTS] = {
    [SWAP] = {.name = "swap_100_under_callers", .unit = "ms", .parameters = "\"callers\":2"},
    [WARM] = {.name = "prepare_commit_100", .unit = "ms"},
    [COLD] = {.name = "prepare_commit_100_cold", .unit = "ms"},
    [BACK] = {.name = "rollback_in_window", .unit = "ms", .parameters = "\"modules\":100"},
    [STALL] = {.name = "caller_stall_p99_during_prepare",
               .unit = "us",
               .parameters = "\"modules\":100,\"stall_from_us\":10"},
    [FLOW] = {.name = "throughput_loss_around_reload",
              .unit = "%",
              .parameters = "\"modules\":10,\"callers\":2,\"seconds\":10"},
    [MD5_MAPPED] = {.name = "md5_100_mapped", .unit = "us"},
    [MD5_STAT] = {.name = "md5_100_stat", .unit = "us"},
    [MIGRATE_4] = {.name = "migrate_1e4", .unit = "ms"},
    [MIGRATE_5] = {.name = "migrate_1e5", .unit = "ms"},
    [MIGRATE_6] = {.name = "migrate_1e6", .unit = "ms"},
    [RESTART] = {.name = "restart_after_crash", .unit = "ms", .parameters = "\"modules\":100"},
};

int main(int argc, char **argv)
{
    const struct set_results sets = {&results[SWAP], &results[WARM],  &results[COLD],
                                     &results[BACK], &results[STALL], &results[FLOW]};
    must(argc == 1 || (argc == 2 && strcmp(argv[1], "--json") == 0), "the only option is --json");
    must(sodium_init() >= 0, "libsodium does not start");
    be_first(true);
    measure_calls(results);
    measure_sets(&sets);
    measure_md5(&results[MD5_MAPPED], &results[MD5_STAT]);
    measure_migration(&results[MIGRATE_4], 10000);
    measure_migration(&results[MIGRATE_5], 100000);
    measure_migration(&results[MIGRATE_6], 1000000);
    measure_restart(&results[RESTART]);
    print_results("host", results, RESULTS, argc == 2);
    return 0;
}
