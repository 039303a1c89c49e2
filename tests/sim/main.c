/* lockstep_sim: runs histories of a made-up fleet (world.h), one for each seed. */
#include "tests/sim/world.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int usage(FILE *out)
{
    (void)fprintf(out, "usage: lockstep_sim --seed N [--trace]\n"
                       "       lockstep_sim --seeds COUNT [--from N] [--until-failure]\n"
                       "  --seed N        run the history of one seed; --trace prints it\n"
                       "  --seeds COUNT   run COUNT histories, from seed 1 or --from N on\n"
                       "  --until-failure end with the first one that fails\n");
    return out == stdout ? 0 : 2;
}

static bool parse_number(const char *text, uint64_t *ret_value)
{
    char *end = NULL;
    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return false;
    }
    *ret_value = strtoull(text, &end, 10);
    return *end == '\0';
}

/* What happened, of all seeds. */
struct sum {
    uint64_t results[6];
    uint64_t verdicts[LOCKSTEP_RECONCILE_QUARANTINED + 1];
    uint64_t reconciled[6];
    uint64_t quarantined;
    uint64_t rested;
    uint64_t by_itself;
    uint64_t seeds;
    uint64_t delivered;
    uint64_t asked;
};

static void add(struct sum *sum, const struct sim_world *world)
{
    for (size_t i = 0; i < LOCKSTEP_COUNT(sum->results); i++) {
        sum->results[i] += world->results[i];
        sum->reconciled[i] += world->reconciled[i];
    }
    for (size_t i = 0; i < LOCKSTEP_COUNT(sum->verdicts); i++) {
        sum->verdicts[i] += world->verdicts[i];
    }
    sum->quarantined += world->coordinator.bad_count;
    sum->rested += world->rested;
    sum->by_itself += world->by_itself;
    sum->seeds++;
    sum->delivered += world->delivered;
    sum->asked += world->submitted;
}

enum look { UNSEEN, HASHED, TRACED };

/* What is said when an assertion of the cores ends the program. */
static char last_words[160];

static void say_last_words(int number)
{
    (void)!write(STDOUT_FILENO, last_words, strlen(last_words));
    (void)raise(number); /* which ends it now: this handler is for once */
}

/* Runs SEED; on failure says so and how to see it again. Adds up what happened. */
static bool run_seed(uint64_t seed, enum look look, uint64_t *hash, struct sum *sum)
{
    static struct sim_world kept;
    struct sim_world *world = &kept;
    bool ok;
    sim_world_begin(world, seed, look != UNSEEN, look == TRACED);
    (void)snprintf(last_words, sizeof(last_words),
                   "not ok - seed %llu: an assertion failed\n"
                   "  see it again: tests/sim/run --seed %llu --trace\n",
                   (unsigned long long)seed, (unsigned long long)seed);
    ok = sim_world_run(world);
    if (!ok) {
        printf("not ok - seed %llu: %s\n", (unsigned long long)seed, world->failure);
        printf("  see it again: tests/sim/run --seed %llu --trace\n", (unsigned long long)seed);
    }
    *hash = world->hash;
    add(sum, world);
    sim_world_end(world);
    return ok;
}

static void print_sum(const struct sum *sum)
{
    for (uint32_t i = 1; i < LOCKSTEP_COUNT(sum->results); i++) {
        printf("# %s: %llu operations, %llu of them reconciles\n", lockstep_result_word(i),
               (unsigned long long)sum->results[i], (unsigned long long)sum->reconciled[i]);
    }
    for (uint32_t i = 0; i < LOCKSTEP_COUNT(sum->verdicts); i++) {
        printf("# reconcile, %s: %llu times\n", lockstep_reconcile_word((enum lockstep_reconcile)i),
               (unsigned long long)sum->verdicts[i]);
    }
    printf("# of a seed, on average: %llu operations, %llu messages delivered\n",
           (unsigned long long)(sum->asked / (sum->seeds + (sum->seeds == 0))),
           (unsigned long long)(sum->delivered / (sum->seeds + (sum->seeds == 0))));
    printf("# %llu reconciles were begun by the coordinator itself\n",
           (unsigned long long)sum->by_itself);
    printf("# %llu versions were quarantined; %llu modules came to rest on a majority's version\n",
           (unsigned long long)sum->quarantined, (unsigned long long)sum->rested);
}

static int run_many(uint64_t first, uint64_t count, bool until_failure)
{
    struct sum sum = {.rested = 0};
    uint64_t failed = 0;
    uint64_t hash = 0;
    for (uint64_t seed = first; seed < first + count && (failed == 0 || !until_failure); seed++) {
        bool last = seed + 1 == first + count;
        failed += run_seed(seed, last ? HASHED : UNSEEN, &hash, &sum) ? 0 : 1;
        if ((seed - first + 1) % 500 == 0) {
            (void)fprintf(stderr, "  %llu of %llu seeds\n", (unsigned long long)(seed - first + 1),
                          (unsigned long long)count);
        }
    }
    if (failed == 0) { /* one history twice: it must be the same to the last event */
        struct sum again = {.rested = 0};
        uint64_t second = 0;
        (void)run_seed(first + count - 1, HASHED, &second, &again);
        if (second != hash) {
            printf("not ok - seed %llu gives two histories\n",
                   (unsigned long long)(first + count - 1));
            failed++;
        }
    }
    print_sum(&sum);
    printf("%s - %llu seeds from %llu, %llu failed\n", failed == 0 ? "ok" : "not ok",
           (unsigned long long)count, (unsigned long long)first, (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t first = 1;
    uint64_t count = 0;
    uint64_t seed = 0;
    bool one = false;
    bool trace = false;
    bool until_failure = false;
    const struct sigaction last = {.sa_handler = say_last_words, .sa_flags = (int)SA_RESETHAND};
    (void)sigaction(SIGABRT, &last, NULL);
    for (int i = 1; i < argc; i++) {
        bool ok = true;
        if (strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else if (strcmp(argv[i], "--until-failure") == 0) {
            until_failure = true;
        } else if (strcmp(argv[i], "--seed") == 0) {
            one = ok = parse_number(argv[++i], &seed);
        } else if (strcmp(argv[i], "--seeds") == 0) {
            ok = parse_number(argv[++i], &count);
        } else if (strcmp(argv[i], "--from") == 0) {
            ok = parse_number(argv[++i], &first);
        } else {
            return usage(strcmp(argv[i], "--help") == 0 ? stdout : stderr);
        }
        if (!ok) {
            return usage(stderr);
        }
    }
    if (one) {
        struct sum sum = {.rested = 0};
        uint64_t hash = 0;
        bool ok = run_seed(seed, trace ? TRACED : HASHED, &hash, &sum);
        printf("%s - seed %llu, history %016llx\n", ok ? "ok" : "not ok", (unsigned long long)seed,
               (unsigned long long)hash);
        return ok ? 0 : 1;
    }
    return count == 0 ? usage(stderr) : run_many(first, count, until_failure);
}
