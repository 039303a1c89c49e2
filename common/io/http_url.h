/*
 * The address of a page on this machine: http://ADDRESS[:PORT][/PATH], where ADDRESS is 127.…,
 * [::1] or localhost. For looking whether something answers; no name is resolved, nothing leaves
 * the machine.
 */
#ifndef LOCKSTEP_IO_HTTP_URL_H
#define LOCKSTEP_IO_HTTP_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOCKSTEP_HTTP_PATH_MAX 511
#define LOCKSTEP_HTTP_HOST_MAX 63

struct lockstep_http_url {
    bool six;                              /* [::1] */
    uint32_t address;                      /* else 127.…, in host order */
    uint16_t port;                         /* 80 if none is given */
    char host[LOCKSTEP_HTTP_HOST_MAX + 1]; /* as written, with the port: for the Host field */
    char path[LOCKSTEP_HTTP_PATH_MAX + 1]; /* begins with a slash */
};

/* False: it is none, or not of this machine. */
bool lockstep_http_url_parse(const char *text, struct lockstep_http_url *ret_url);

/* The status of an answer that begins with BYTES: 100 to 599; 0: not to be known yet; -1: it is no
 * answer of HTTP/1 (RFC 9112 §4). */
int lockstep_http_status(const char *bytes, size_t size);

#endif
