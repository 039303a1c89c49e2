/*
 * lockstep-writer: calls one tool of one host, again and again, and says how often it was answered.
 *
 *     lockstep-writer SOCKET TOOL COUNT
 *
 * It ends after COUNT answers (0: never), with the first call that has none, or at SIGTERM. "ready"
 * is printed after the first hundred, the number of answers in the end.
 */
#include "lockstep/client.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

int main(int argc, char **argv)
{
    struct lockstep_client *client = argc == 4 ? lockstep_client_new(argv[1], NULL) : NULL;
    enum lockstep_call_result result = LOCKSTEP_CALL_OK;
    unsigned long wanted = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    unsigned long count = 0;
    struct sigaction action = {.sa_handler = end};
    if (client == NULL) {
        (void)fprintf(stderr, "usage: lockstep-writer SOCKET TOOL COUNT\n");
        return 2;
    }
    (void)sigaction(SIGTERM, &action, NULL);
    while (over == 0 && result == LOCKSTEP_CALL_OK && (wanted == 0 || count < wanted)) {
        struct lockstep_answer answer;
        result = lockstep_client_call(client, argv[2], "", 0, 0, &answer);
        lockstep_answer_deinit(&answer);
        count += result == LOCKSTEP_CALL_OK ? 1 : 0;
        if (count == 100 && result == LOCKSTEP_CALL_OK) {
            (void)printf("ready\n");
            (void)fflush(stdout);
        }
    }
    (void)printf("%lu\n", count);
    client = lockstep_client_free(client);
    return 0;
}
