#include "deploy/examples/linkd/http.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* The value of a header line's NAME ("name:"), or NULL. */
static char *value_of(char *line, const char *name)
{
    size_t length = strlen(name);
    return strncasecmp(line, name, length) == 0 ? line + length + strspn(line + length, " \t")
                                                : NULL;
}

/* Digits alone; false: it is no length that we take. */
static bool read_length(const char *text, size_t *ret_length)
{
    size_t digits = strspn(text, "0123456789");
    *ret_length = (size_t)strtoul(text, NULL, 10);
    return digits > 0 && digits < 6 && text[digits + strspn(text + digits, " \t")] == '\0';
}

/* Takes the header lines apart. False: one of them is not understood. */
static bool read_headers(char *lines, struct http_request *request, size_t *ret_length)
{
    bool seen = false;
    while (lines != NULL && *lines != '\0') {
        char *end = strstr(lines, "\r\n");
        char *value;
        if (end != NULL) {
            *end = '\0';
        }
        value = value_of(lines, "content-length:");
        if ((value != NULL && (seen || !read_length(value, ret_length))) ||
            value_of(lines, "transfer-encoding:") != NULL) {
            return false;
        }
        seen = seen || value != NULL;
        value = value_of(lines, "connection:");
        request->close = request->close || (value != NULL && strcasecmp(value, "close") == 0);
        lines = end == NULL ? NULL : end + 2;
    }
    return true;
}

/* "METHOD PATH HTTP/1.1" */
static bool read_line(char *line, struct http_request *request)
{
    char *path = strchr(line, ' ');
    char *version = path == NULL ? NULL : strchr(path + 1, ' ');
    if (version == NULL || strncmp(version + 1, "HTTP/1.", 7) != 0 || path[1] != '/') {
        return false;
    }
    *path = '\0';
    *version = '\0';
    request->method = line;
    request->path = path + 1;
    request->close = request->close || version[8] == '0';
    return true;
}

enum http_state http_read(char *bytes, size_t size, struct http_request *ret_request)
{
    char head[HTTP_REQUEST_MAX + 1];
    char *end;
    char *line;
    size_t length = 0;
    size_t before;
    bytes[size] = '\0';
    end = strstr(bytes, "\r\n\r\n");
    if (end == NULL) {
        return size == HTTP_REQUEST_MAX || strlen(bytes) < size ? HTTP_BAD : HTTP_PART;
    }
    before = (size_t)(end - bytes) + 4;
    memcpy(head, bytes, before);
    head[before - 2] = '\0';
    line = strstr(head, "\r\n");
    *ret_request = (struct http_request){0};
    if (!read_headers(line + 2, ret_request, &length) || length > HTTP_REQUEST_MAX - before) {
        return HTTP_BAD;
    }
    if (size - before < length) {
        return HTTP_PART;
    }
    ret_request->size = before + length;
    *strstr(bytes, "\r\n") = '\0';
    memmove(bytes + before - 1, bytes + before, length); /* makes room for its NUL */
    bytes[before - 1 + length] = '\0';
    ret_request->body = bytes + before - 1;
    return read_line(bytes, ret_request) ? HTTP_WHOLE : HTTP_BAD;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *text;
    } reasons[] = {{200, "OK"},          {201, "Created"},
                   {302, "Found"},       {400, "Bad Request"},
                   {404, "Not Found"},   {405, "Method Not Allowed"},
                   {503, "Unavailable"}, {507, "Insufficient Storage"}};
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status) {
            return reasons[i].text;
        }
    }
    return "Error";
}

size_t http_write(const struct links_reply *reply, const char *sign, bool close,
                  char ret_bytes[HTTP_ANSWER_MAX])
{
    int length = snprintf(ret_bytes, HTTP_ANSWER_MAX,
                          "HTTP/1.1 %d %s\r\nServer: %s\r\nX-Links: %s\r\nContent-Type: "
                          "text/plain\r\nContent-Length: %zu\r\n%s%s%s%s\r\n%s",
                          reply->status, reason_of(reply->status), sign, reply->version,
                          strlen(reply->text),
                          reply->location[0] == '\0' ? "" : "Location: ", reply->location,
                          reply->location[0] == '\0' ? "" : "\r\n",
                          close ? "Connection: close\r\n" : "", reply->text);
    return length < 0 || length >= HTTP_ANSWER_MAX ? 0 : (size_t)length;
}
