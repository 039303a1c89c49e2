/*
 * The module of linkd: what a request means, and what is answered. It has no state: the links are
 * linkd's. Version 2 also shows where a link leads (GET /CODE+).
 */
#include "links.h"

#include <string.h>

#ifndef LINKS_VERSION
#define LINKS_VERSION "1.0.0"
#endif

static void say(struct links_reply *reply, int status, const char *text)
{
    reply->status = status;
    (void)snprintf(reply->text, sizeof(reply->text), "%s\n", text);
}

/* It ends up in a header. */
static bool is_url(const char *url)
{
    size_t length = strlen(url);
    bool well = (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0) &&
                length <= LINKS_URL_MAX;
    for (size_t i = 0; well && i < length; i++) {
        well = url[i] > ' ' && url[i] <= '~';
    }
    return well;
}

/* The same URL gets the same code in every version. */
static void make_code(const char *url, char ret_code[LINKS_CODE_MAX + 1])
{
    static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t i;
    for (; *url != '\0'; url++) {
        hash = (hash ^ (unsigned char)*url) * UINT64_C(1099511628211);
    }
    for (i = 0; i < 10; i++) {
        ret_code[i] = digits[hash % 36];
        hash /= 36;
    }
    ret_code[i] = '\0';
}

static void create(const struct links_request *request, struct links_reply *reply)
{
    char code[LINKS_CODE_MAX + 1];
    if (!is_url(request->body)) {
        say(reply, 400, "the body is to be a URL, http:// or https://");
        return;
    }
    make_code(request->body, code);
    if (!request->store->add(request->store->context, code, request->body)) {
        say(reply, 507, "there is no room for another link");
        return;
    }
    reply->status = 201;
    (void)snprintf(reply->location, sizeof(reply->location), "/%s", code);
    (void)snprintf(reply->text, sizeof(reply->text), "/%s\n", code);
}

static void follow(const struct links_request *request, struct links_reply *reply)
{
    char code[LINKS_CODE_MAX + 2];
    char url[LINKS_URL_MAX + 1];
    bool show = false;
    size_t length = strlen(request->path + 1);
    if (length >= sizeof(code)) {
        say(reply, 404, "there is no such link");
        return;
    }
    memcpy(code, request->path + 1, length + 1);
#ifdef LINKS_SHOWS
    if (length > 0 && code[length - 1] == '+') {
        show = true;
        code[length - 1] = '\0';
    }
#endif
    if (!request->store->find(request->store->context, code, url)) {
        say(reply, 404, "there is no such link");
    } else if (show) {
        say(reply, 200, url);
    } else {
        say(reply, 302, url);
        memcpy(reply->location, url, strlen(url) + 1);
    }
}

static int answer(const struct links_request *request, struct links_reply *reply)
{
    memcpy(reply->version, LINKS_VERSION, sizeof(LINKS_VERSION));
    if (strcmp(request->method, "POST") == 0 && strcmp(request->path, "/") == 0) {
        create(request, reply);
    } else if (strcmp(request->method, "GET") != 0) {
        say(reply, 405, "GET a link, or POST a URL to /");
    } else if (strcmp(request->path, "/") == 0) {
        reply->status = 200;
        (void)snprintf(reply->text, sizeof(reply->text), "%llu links\n",
                       (unsigned long long)request->store->count(request->store->context));
    } else {
        follow(request, reply);
    }
    return 0;
}

static void sign(char ret_text[64])
{
    (void)snprintf(ret_text, 64, "linkd links/%s", LINKS_VERSION);
}

/* What an agent and people can ask without a socket of ours. */
static int about(struct lockstep_call *call)
{
    return !lockstep_sink_print(call->answer, "links %s", LINKS_VERSION);
}

static int smoke_codes(struct lockstep_sink *why)
{
    char code[LINKS_CODE_MAX + 1];
    make_code("http://example.org/", code);
    if (strcmp(code, "s2h10net7k") != 0) {
        (void)lockstep_sink_print(why, "a code is %s: links that were given out would be lost",
                                  code);
        return 1;
    }
    return 0;
}

static const struct lockstep_tool tools[] = {
    {"links.about", about, LOCKSTEP_TOOL_IDEMPOTENT, "Says which version answers", NULL},
};
static const struct lockstep_smoke smokes[] = {{"codes", smoke_codes, 0}};
static const struct lockstep_function functions[] = {
    LOCKSTEP_FUNCTION("links.answer", links_answer, answer),
    LOCKSTEP_FUNCTION("links.sign", links_sign, sign),
};

LOCKSTEP_MODULE((.module = "links", .version = LINKS_VERSION, .service = "links",
                 .tools = {"links.about"}),
                (.tools = tools, .tools_count = 1, .smokes = smokes, .smokes_count = 1,
                 .functions = functions, .functions_count = 2));
