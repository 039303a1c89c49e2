/* As much of HTTP/1.1 (RFC 9112) as linkd needs: one request at a time, a body with its length. */
#ifndef LINKD_HTTP_H
#define LINKD_HTTP_H

#include "deploy/examples/linkd/links.h"

#define HTTP_REQUEST_MAX 8192 /* bytes, with the body */
#define HTTP_ANSWER_MAX  8192

enum http_state {
    HTTP_PART,  /* more is to come */
    HTTP_WHOLE, /* there is a request */
    HTTP_BAD,   /* this is none, or it is too long */
};

struct http_request {
    const char *method;
    const char *path;
    const char *body;
    bool close;  /* the client wants no further request on this connection */
    size_t size; /* bytes that it took */
};

/* Reads BYTES, which has SIZE of HTTP_REQUEST_MAX and room for one more, and puts NULs into it.
 * What *ret_request points to is in there. */
enum http_state http_read(char *bytes, size_t size, struct http_request *ret_request);
/* Writes an answer; SIGN is the header `Server`. Returns how long it is. */
size_t http_write(const struct links_reply *reply, const char *sign, bool close,
                  char ret_bytes[HTTP_ANSWER_MAX]);

#endif
