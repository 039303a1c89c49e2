/*
 * lockstep-rogue: a coordinator that has the real channel key and lies (rogue.h).
 *
 *     lockstep-rogue orders|artifacts|trust URL FOLDER
 *
 * It listens at URL in the place of the coordinator whose fleet FOLDER is (fleet.sh), plays its
 * attacks to the one agent n1 that comes, prints a line of each, "the end" behind the last, and
 * then goes on holding the agent's link until SIGTERM, so that what runs there can be looked at.
 */
#include "tests/support/rogue/rogue.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*attack)(struct rogue *);
    } kinds[] = {{"orders", rogue_attack_orders},
                 {"artifacts", rogue_attack_artifacts},
                 {"trust", rogue_attack_trust}};
    struct sigaction action = {.sa_handler = end};
    static struct rogue rogue;
    (void)sigaction(SIGTERM, &action, NULL);
    if (argc != 4 || !rogue_begin(&rogue, argv[2], argv[3])) {
        (void)fprintf(stderr, "usage: lockstep-rogue orders|artifacts|trust URL FOLDER\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strcmp(argv[1], kinds[i].name) == 0) {
            kinds[i].attack(&rogue);
        }
    }
    (void)puts("the end");
    (void)fflush(stdout);
    while (over == 0 && lockstep_loop_once(rogue.loop, 100, NULL) == LOCKSTEP_OK) {
    }
    rogue_end(&rogue);
    return 0;
}
