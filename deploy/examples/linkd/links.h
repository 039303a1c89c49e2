/*
 * What linkd and its module `links` say to each other: the types of the functions that linkd calls.
 *
 * The structs grow as the module does. Whoever changes them raises the number in the types below: a
 * module that was built for another number is refused before it is live.
 */
#ifndef LINKD_LINKS_H
#define LINKD_LINKS_H

#include <lockstep/function.h>

#define LINKS_CODE_MAX 15
#define LINKS_URL_MAX  2000
#define LINKS_TEXT_MAX 4096

/* The links, which stay in linkd whatever version of the module answers. */
struct links_store {
    void *context;
    /* Copies the URL behind CODE. False: there is none. */
    bool (*find)(void *context, const char *code, char ret_url[LINKS_URL_MAX + 1]);
    /* False: there is no room for another one, or CODE leads elsewhere. */
    bool (*add)(void *context, const char *code, const char *url);
    uint64_t (*count)(void *context);
};

struct links_request {
    const char *method;
    const char *path; /* "/CODE" */
    const char *body;
    const struct links_store *store;
};

struct links_reply {
    int status;
    char location[LINKS_URL_MAX + 1]; /* empty: none */
    char text[LINKS_TEXT_MAX];
    char version[32]; /* of who answered */
};

#ifndef LINKS_REVISION
#define LINKS_REVISION "1"
#endif

/* Answers a request. 0, or not when the module itself is at a loss. */
LOCKSTEP_FUNCTION_TYPE(links_answer, LINKS_REVISION, int,
                       (const struct links_request *request, struct links_reply *reply));
/* Writes the text of the header `Server`. */
LOCKSTEP_FUNCTION_TYPE(links_sign, "1", void, (char ret_text[64]));

#endif
