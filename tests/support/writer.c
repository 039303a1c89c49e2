/*
 * lockstep-writer: calls one tool of one host, again and again, and says how often it was answered.
 *
 *     lockstep-writer SOCKET TOOL COUNT
 *
 * It ends after COUNT answers, or with the first call that has none; 0 is for ever. "ready" is
 * printed after the first hundred, the number of answers in the end.
 */
#include "lockstep/client.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct lockstep_client *client = argc == 4 ? lockstep_client_new(argv[1], NULL) : NULL;
    enum lockstep_call_result result = LOCKSTEP_CALL_OK;
    unsigned long wanted = argc == 4 ? strtoul(argv[3], NULL, 10) : 0;
    unsigned long count = 0;
    if (client == NULL) {
        (void)fprintf(stderr, "usage: lockstep-writer SOCKET TOOL COUNT\n");
        return 2;
    }
    while (result == LOCKSTEP_CALL_OK && (wanted == 0 || count < wanted)) {
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
