#include "tests/tidy/tidy.h"

#include <stdio.h>
#include <string.h>

#define LIST_MAX 8

/* Which of the system's headers a room may use. */
enum system_headers {
    SYSTEM_PURE, /* those that only declare types or touch memory handed over */
    SYSTEM_LIBC, /* what every process has */
    SYSTEM_ANY,
};

/*
 * The rooms and who may enter them. A file belongs to the first row whose folder it is under, and
 * may include what begins with one of the row's words. Generated headers of messages have a rule
 * of their own.
 */
static const struct room {
    const char *folder;
    enum system_headers system;
    const char *may[LIST_MAX];
} rooms[] = {
    {"common/base/", SYSTEM_LIBC, {"common/base/"}},
    {"common/tbl/", SYSTEM_PURE, {"common/base/", "common/tbl/"}},
    {"common/core/", SYSTEM_PURE, {"common/base/", "common/tbl/", "common/core/"}},
    {"common/hostwire/", SYSTEM_LIBC, {"common/base/", "common/hostwire/"}},
    {"common/io/",
     SYSTEM_ANY,
     {"common/base/", "common/tbl/", "common/core/", "common/io/", "lockstep/v1/"}},
    {"coordinator/core/",
     SYSTEM_PURE,
     {"common/base/", "common/tbl/", "common/core/", "coordinator/core/"}},
    {"coordinator/cli/", SYSTEM_ANY, {"common/", "coordinator/cli/", "lockstep/client.h"}},
    {"coordinator/", SYSTEM_ANY, {"common/", "coordinator/"}},
    {"agent/core/", SYSTEM_PURE, {"common/base/", "common/tbl/", "common/core/", "agent/core/"}},
    {"agent/host/", SYSTEM_LIBC, {"common/base/", "common/hostwire/", "agent/host/", "lockstep/"}},
    {"agent/probe/",
     SYSTEM_ANY,
     {"common/base/", "common/tbl/", "common/hostwire/", "agent/probe/", "agent/host/",
      "lockstep/"}},
    {"agent/mcp/", SYSTEM_ANY, {"common/base/", "agent/mcp/", "lockstep/client.h"}},
    {"agent/", SYSTEM_ANY, {"common/", "agent/core/", "agent/"}},
    {"deploy/", SYSTEM_ANY, {"lockstep/", "deploy/", "buckets.h", "links.h"}}, /* of examples */
    {"tests/", SYSTEM_ANY, {""}},
};

/* What a row's words allow too much of. */
static const struct ban {
    const char *folder;
    const char *header;
} bans[] = {
    {"coordinator/cli/", "common/hostwire/"},
    {"agent/host/include/", "common/"}, /* public headers stand alone */
    {"agent/host/include/", "agent/"},
    {"deploy/", "lockstep/v1/"},
};

static const char *const pure_headers[] = {
    "inttypes.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
    "stddef.h",   "stdint.h", "string.h",   "assert.h", "stdnoreturn.h",
};

/* Headers of libraries: in folders of their own, or one of these. */
static const char *const library_folders[] = {"nng/", "cyaml/", "protobuf-c/", "curl/"};
static const char *const library_headers[] = {
    "sodium.h",  "sqlite3.h",    "jansson.h", "gelf.h", "libelf.h",
    "seccomp.h", "microhttpd.h", "md5.h",     "zstd.h", "cmark.h",
};

static const struct room *room_of(const char *path)
{
    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        if (tidy_under(path, rooms[i].folder)) {
            return &rooms[i];
        }
    }
    return NULL;
}

static bool may_include(const struct room *room, const char *path, const char *header)
{
    for (size_t i = 0; i < sizeof(bans) / sizeof(bans[0]); i++) {
        if (tidy_under(path, bans[i].folder) && tidy_under(header, bans[i].header)) {
            return false;
        }
    }
    /* The driver's folder holds the command line's, which is a room apart; the same for agents. */
    if (strcmp(room->folder, "coordinator/") == 0 && tidy_under(header, "coordinator/cli/")) {
        return false;
    }
    if (strcmp(room->folder, "agent/") == 0 && strcmp(header, "agent/probe/contract.h") != 0 &&
        strcmp(header, "agent/host/tool_wire.h") != 0 &&
        (tidy_under(header, "agent/host/") || tidy_under(header, "agent/probe/"))) {
        return false;
    }
    for (size_t i = 0; i < LIST_MAX && room->may[i] != NULL; i++) {
        if (tidy_under(header, room->may[i])) {
            return true;
        }
    }
    return false;
}

static bool listed(const char *header, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(header, list[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool may_use(enum system_headers system, const char *header)
{
    if (system == SYSTEM_ANY) {
        return true;
    }
    if (system == SYSTEM_PURE) {
        return listed(header, pure_headers, sizeof(pure_headers) / sizeof(pure_headers[0]));
    }
    for (size_t i = 0; i < sizeof(library_folders) / sizeof(library_folders[0]); i++) {
        if (tidy_under(header, library_folders[i])) {
            return false;
        }
    }
    return !listed(header, library_headers, sizeof(library_headers) / sizeof(library_headers[0]));
}

static bool is_generated(const char *header)
{
    return strstr(header, ".pb-c.h") != NULL;
}

static void check_one(const struct tidy *tidy, const struct source *source, size_t line, char open,
                      const char *header)
{
    const struct room *room = room_of(source->path);
    if (room == NULL) {
        return;
    }
    if (is_generated(header)) {
        if (!tidy_under(source->path, "common/io/wire")) {
            tidy_report(tidy, RULE_WIRE, source, line, "only common/io/wire*.c reads %s", header);
        }
    } else if (open == '"' && !may_include(room, source->path, header)) {
        tidy_report(tidy, RULE_INCLUDE, source, line, "%s may not include %s", room->folder,
                    header);
    } else if (open == '<' && !tidy_under(header, "lockstep/") && !may_use(room->system, header)) {
        tidy_report(tidy, RULE_SYSTEM_INCLUDE, source, line, "%s may not use <%s>", room->folder,
                    header);
    }
}

void tidy_check_includes(const struct tidy *tidy, const struct source *source)
{
    size_t number = 0;
    for (const char *line = source->text; line != NULL && *line != '\0';) {
        char header[256];
        char open;
        const char *end = strchr(line, '\n');
        number++;
        if (*line == '#' && sscanf(line, "# include %c%255[^>\"\n]", &open, header) == 2) {
            check_one(tidy, source, number, open, header);
        }
        line = end == NULL ? NULL : end + 1;
    }
}
