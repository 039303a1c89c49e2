/* Looks at the sockets of this process from outside of whoever opened them. */
#ifndef LOCKSTEP_TESTS_SOCKETS_H
#define LOCKSTEP_TESTS_SOCKETS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

/* True if there is a connected TCP socket and none holds small messages back (Nagle). */
static inline bool sockets_send_at_once(void)
{
    int connected = 0;
    int at_once = 0;
    for (int fd = 0; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t size = sizeof(peer);
        int value = 0;
        if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET) {
            continue;
        }
        size = sizeof(value);
        connected++;
        at_once += getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &size) == 0 && value != 0;
    }
    return connected > 0 && at_once == connected;
}

#endif
