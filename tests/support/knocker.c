/*
 * lockstep-knocker: connects to a unix socket again and again, and says in the end how often it was
 * refused. Taken or queued is fine; a queue that is full is counted apart.
 *
 *     lockstep-knocker PATH
 *
 * "ready" is printed at the first connection; on SIGTERM {"knocks": N, "refused": N, "full": N}.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static volatile sig_atomic_t over;

static void end(int signal)
{
    (void)signal;
    over = 1;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = end};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    unsigned long knocks = 0;
    unsigned long refused = 0;
    unsigned long full = 0;
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        (void)fprintf(stderr, "usage: lockstep-knocker PATH\n");
        return 2;
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]) + 1);
    (void)sigaction(SIGTERM, &action, NULL);
    while (over == 0) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        bool taken = connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
        full += !taken && errno == EAGAIN ? 1 : 0;
        refused += !taken && errno != EAGAIN ? 1 : 0;
        if (knocks == 0 && taken) {
            (void)puts("ready");
            (void)fflush(stdout);
        }
        knocks++;
        (void)close(fd);
        (void)poll(NULL, 0, 1);
    }
    (void)printf("{\"knocks\": %lu, \"refused\": %lu, \"full\": %lu}\n", knocks, refused, full);
    return 0;
}
