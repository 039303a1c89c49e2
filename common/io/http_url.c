#include "common/io/http_url.h"

#include "common/io/value.h"

#include <arpa/inet.h>
#include <string.h>

#define SCHEME "http://"

/* A port behind a colon, or nothing. */
static bool take_port(const char *text, uint16_t *ret_port)
{
    uint64_t port = 80;
    if (text[0] != '\0' && (text[0] != ':' || !lockstep_count_parse(text + 1, &port) || port == 0 ||
                            port > UINT16_MAX)) {
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

/* ADDRESS[:PORT]; PLACE is cut behind the address. */
static bool take_place(char *place, struct lockstep_http_url *url)
{
    char *colon;
    struct in_addr address;
    if (strncmp(place, "[::1]", 5) == 0) {
        url->six = true;
        return take_port(place + 5, &url->port);
    }
    colon = strchr(place, ':');
    if (!take_port(colon == NULL ? "" : colon, &url->port)) {
        return false;
    }
    if (colon != NULL) {
        *colon = '\0';
    }
    if (strcmp(place, "localhost") == 0) {
        url->address = INADDR_LOOPBACK;
        return true;
    }
    url->address = inet_pton(AF_INET, place, &address) == 1 ? ntohl(address.s_addr) : 0;
    return url->address >> 24 == 127;
}

bool lockstep_http_url_parse(const char *text, struct lockstep_http_url *ret_url)
{
    struct lockstep_http_url url = {.path = "/"};
    char place[LOCKSTEP_HTTP_HOST_MAX + 1] = "";
    const char *slash;
    size_t length;
    if (strncmp(text, SCHEME, strlen(SCHEME)) != 0) {
        return false;
    }
    text += strlen(SCHEME);
    for (const char *at = text; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7F || *at == '#') {
            return false;
        }
    }
    slash = strchr(text, '/');
    length = slash == NULL ? strlen(text) : (size_t)(slash - text);
    if (length == 0 || length > LOCKSTEP_HTTP_HOST_MAX ||
        (slash != NULL && strlen(slash) > LOCKSTEP_HTTP_PATH_MAX)) {
        return false;
    }
    memcpy(place, text, length);
    memcpy(url.host, place, sizeof(place));
    if (slash != NULL) {
        memcpy(url.path, slash, strlen(slash) + 1);
    }
    if (!take_place(place, &url)) {
        return false;
    }
    *ret_url = url;
    return true;
}

int lockstep_http_status(const char *bytes, size_t size)
{
    static const char form[] = "HTTP/1.x nnn";
    for (size_t i = 0; i < size && i < sizeof(form) - 1; i++) {
        bool digit = bytes[i] >= '0' && bytes[i] <= '9';
        bool letter = form[i] == 'x' || form[i] == 'n';
        if (letter ? !digit : bytes[i] != form[i]) {
            return -1;
        }
    }
    if (size <= sizeof(form) - 1) {
        return 0;
    }
    if (bytes[9] < '1' || bytes[9] > '5' ||
        (bytes[12] != ' ' && bytes[12] != '\r' && bytes[12] != '\n')) {
        return -1;
    }
    return (bytes[9] - '0') * 100 + (bytes[10] - '0') * 10 + bytes[11] - '0';
}
