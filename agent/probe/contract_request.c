/* Requests: what is to be tried, and within which bounds. */
#include "agent/probe/contract.h"
#include "agent/probe/json.h"

#include "common/base/cleanup.h"

#include <stddef.h>
#include <string.h>

#define DEADLINE_DEFAULT_MS  (10 * 1000)
#define DEADLINE_MAX_MS      (10 * 60 * 1000)
#define MEMORY_DEFAULT_BYTES (2ULL * 1024 * 1024 * 1024)

struct lockstep_probe_request *lockstep_probe_request_new(void)
{
    struct lockstep_probe_request *request = malloc(sizeof(*request));
    if (request != NULL) {
        memset(request, 0, offsetof(struct lockstep_probe_request, subjects));
        request->deadline_ms = DEADLINE_DEFAULT_MS;
        request->memory_bytes = MEMORY_DEFAULT_BYTES;
        request->file_bytes = LOCKSTEP_ARTIFACT_MAX;
        request->smoke = true;
    }
    return request;
}

struct lockstep_probe_request *lockstep_probe_request_free(struct lockstep_probe_request *request)
{
    free(request);
    return NULL;
}

void lockstep_probe_subject_init(struct lockstep_probe_subject *subject)
{
    memset(subject, 0, sizeof(*subject));
    subject->file_fd = -1;
    subject->config_fd = -1;
    subject->snapshot_fd = -1;
}

static void set_fd(json_t *object, const char *key, int fd)
{
    if (fd >= 0) {
        lockstep_json_set_u64(object, key, (uint64_t)fd);
    }
}

static json_t *print_expectation(const struct lockstep_probe_expectation *expect)
{
    json_t *object = json_object();
    lockstep_json_set_text(object, "module", expect->module.text);
    lockstep_json_set_text(object, "service", expect->service.text);
    lockstep_json_set_text(object, "version", expect->version);
    lockstep_json_set_digest(object, "digest", &expect->digest);
    if (expect->size > 0) {
        lockstep_json_set_u64(object, "size", expect->size);
    }
    if (expect->state_schema_given) {
        lockstep_json_set_u64(object, "state_schema", expect->state_schema);
    }
    if (expect->rollback != LOCKSTEP_PROBE_ROLLBACK_UNKNOWN) {
        lockstep_json_set_text(object, "rollback", lockstep_probe_rollback_text(expect->rollback));
    }
    return object;
}

bool lockstep_probe_waive(const char *name, uint64_t *waives)
{
    enum lockstep_probe_check check;
    _Static_assert(LOCKSTEP_PROBE_CHECK_COUNT <= 64, "a set of checks is one number");
    if (!lockstep_probe_check_parse(name, &check) || !lockstep_probe_check_waivable(check)) {
        return false;
    }
    *waives |= UINT64_C(1) << check;
    return true;
}

static json_t *print_waives(uint64_t waives)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < LOCKSTEP_PROBE_CHECK_COUNT; i++) {
        if ((waives & (UINT64_C(1) << i)) != 0) {
            const char *name = lockstep_probe_check_name((enum lockstep_probe_check)i);
            (void)json_array_append_new(list, lockstep_json_string(name));
        }
    }
    return list;
}

static json_t *print_subject(const struct lockstep_probe_subject *subject)
{
    json_t *object = json_object();
    lockstep_json_set_text(object, "file", subject->file);
    set_fd(object, "file_fd", subject->file_fd);
    set_fd(object, "config_fd", subject->config_fd);
    set_fd(object, "snapshot_fd", subject->snapshot_fd);
    (void)json_object_set_new(object, "waives", print_waives(subject->waives));
    (void)json_object_set_new(object, "expect", print_expectation(&subject->expect));
    return object;
}

static json_t *print_requirement(const struct lockstep_probe_requirement *requirement)
{
    json_t *object = json_object();
    lockstep_json_set_text(object, "module", requirement->module.text);
    lockstep_json_set_text(object, "version", requirement->version);
    return object;
}

char *lockstep_probe_request_print(const struct lockstep_probe_request *request)
{
    LOCKSTEP_JSON json_t *root = json_object();
    json_t *libraries = json_array();
    json_t *present = json_array();
    json_t *subjects = json_array();
    lockstep_json_set_text(root, "schema", LOCKSTEP_PROBE_REQUEST_SCHEMA);
    lockstep_json_set_u64(root, "deadline_ms", request->deadline_ms);
    lockstep_json_set_u64(root, "memory_bytes", request->memory_bytes);
    lockstep_json_set_u64(root, "file_bytes", request->file_bytes);
    lockstep_json_set_bool(root, "smoke", request->smoke);
    lockstep_json_set_bool(root, "look_only", request->look_only);
    lockstep_json_set_text(root, "extra", request->extra);
    for (size_t i = 0; i < request->libraries_count; i++) {
        (void)json_array_append_new(libraries, lockstep_json_string(request->libraries[i]));
    }
    for (size_t i = 0; i < request->present_count; i++) {
        (void)json_array_append_new(present, print_requirement(&request->present[i]));
    }
    for (size_t i = 0; i < request->subjects_count; i++) {
        (void)json_array_append_new(subjects, print_subject(&request->subjects[i]));
    }
    (void)json_object_set_new(root, "libraries", libraries);
    (void)json_object_set_new(root, "present", present);
    (void)json_object_set_new(root, "modules", subjects);
    return json_dumps(root, JSON_COMPACT);
}

static enum lockstep_err read_library(void *target, const json_t *element, size_t index,
                                      struct lockstep_error *err)
{
    struct lockstep_probe_request *request = target;
    const char *name = json_string_value(element);
    if (name == NULL || name[0] == '\0' || strlen(name) > LOCKSTEP_NAME_MAX ||
        strchr(name, '/') != NULL) {
        return LOCKSTEP_FAIL(err, INVALID, "must be the name of a library, without a directory");
    }
    memcpy(request->libraries[index], name, strlen(name) + 1);
    return LOCKSTEP_OK;
}

static enum lockstep_err read_present(void *target, const json_t *element, size_t index,
                                      struct lockstep_error *err)
{
    struct lockstep_probe_requirement *present =
        &((struct lockstep_probe_request *)target)->present[index];
    LOCKSTEP_TRY(lockstep_json_name(element, "module", &present->module, err));
    return lockstep_json_text(element, "version", present->version, sizeof(present->version), err);
}

static enum lockstep_err read_expectation(struct lockstep_probe_expectation *expect,
                                          const json_t *object, struct lockstep_error *err)
{
    char rollback[32] = "";
    LOCKSTEP_TRY(lockstep_json_name(object, "module", &expect->module, err));
    LOCKSTEP_TRY(lockstep_json_name(object, "service", &expect->service, err));
    LOCKSTEP_TRY(
        lockstep_json_text(object, "version", expect->version, sizeof(expect->version), err));
    LOCKSTEP_TRY(lockstep_json_digest(object, "digest", &expect->digest, err));
    LOCKSTEP_TRY(lockstep_json_u64(object, "size", &expect->size, err));
    LOCKSTEP_TRY(lockstep_json_text(object, "rollback", rollback, sizeof(rollback), err));
    if (rollback[0] != '\0' && !lockstep_probe_rollback_parse(rollback, &expect->rollback)) {
        return LOCKSTEP_FAIL(err, INVALID, "\"rollback\" is not a word that is known: \"%s\"",
                             rollback);
    }
    expect->state_schema_given = json_object_get(object, "state_schema") != NULL;
    return lockstep_json_u64(object, "state_schema", &expect->state_schema, err);
}

static enum lockstep_err read_waiver(void *target, const json_t *element, size_t index,
                                     struct lockstep_error *err)
{
    const char *name = json_string_value(element);
    (void)index;
    if (name == NULL || !lockstep_probe_waive(name, target)) {
        return LOCKSTEP_FAIL(err, INVALID, "\"%.60s\" is no check that can be waived",
                             name == NULL ? "" : name);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_subject(void *target, const json_t *element, size_t index,
                                      struct lockstep_error *err)
{
    struct lockstep_probe_subject *subject =
        &((struct lockstep_probe_request *)target)->subjects[index];
    size_t waives = 0;
    lockstep_probe_subject_init(subject);
    LOCKSTEP_TRY(lockstep_json_text(element, "file", subject->file, sizeof(subject->file), err));
    LOCKSTEP_TRY(lockstep_json_fd(element, "file_fd", &subject->file_fd, err));
    LOCKSTEP_TRY(lockstep_json_fd(element, "config_fd", &subject->config_fd, err));
    LOCKSTEP_TRY(lockstep_json_fd(element, "snapshot_fd", &subject->snapshot_fd, err));
    if ((subject->file[0] == '\0') == (subject->file_fd < 0)) {
        return LOCKSTEP_FAIL(err, INVALID, "needs one of \"file\" and \"file_fd\"");
    }
    LOCKSTEP_TRY(
        lockstep_json_array(element,
                            &(struct lockstep_json_list){"waives", LOCKSTEP_PROBE_CHECK_COUNT,
                                                         read_waiver, &subject->waives},
                            &waives, err));
    return read_expectation(&subject->expect, json_object_get(element, "expect"), err);
}

static enum lockstep_err read_limits(struct lockstep_probe_request *request, const json_t *root,
                                     struct lockstep_error *err)
{
    LOCKSTEP_TRY(lockstep_json_u64(root, "deadline_ms", &request->deadline_ms, err));
    LOCKSTEP_TRY(lockstep_json_u64(root, "memory_bytes", &request->memory_bytes, err));
    LOCKSTEP_TRY(lockstep_json_u64(root, "file_bytes", &request->file_bytes, err));
    LOCKSTEP_TRY(lockstep_json_bool(root, "smoke", &request->smoke, err));
    LOCKSTEP_TRY(lockstep_json_bool(root, "look_only", &request->look_only, err));
    if (request->deadline_ms == 0 || request->deadline_ms > DEADLINE_MAX_MS) {
        return LOCKSTEP_FAIL(err, INVALID, "\"deadline_ms\" must be 1 to %d", DEADLINE_MAX_MS);
    }
    if (request->file_bytes > LOCKSTEP_ARTIFACT_CEILING) {
        return LOCKSTEP_FAIL(err, INVALID, "\"file_bytes\" must be at most %d",
                             LOCKSTEP_ARTIFACT_CEILING);
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err read_request(struct lockstep_probe_request *request, const json_t *root,
                                      struct lockstep_error *err)
{
    LOCKSTEP_TRY(read_limits(request, root, err));
    LOCKSTEP_TRY(lockstep_json_text(root, "extra", request->extra, sizeof(request->extra), err));
    LOCKSTEP_TRY(
        lockstep_json_array(root,
                            &(struct lockstep_json_list){"libraries", LOCKSTEP_PROBE_LIBRARIES_MAX,
                                                         read_library, request},
                            &request->libraries_count, err));
    LOCKSTEP_TRY(lockstep_json_array(
        root,
        &(struct lockstep_json_list){"present", LOCKSTEP_PROBE_PRESENT_MAX, read_present, request},
        &request->present_count, err));
    LOCKSTEP_TRY(lockstep_json_array(
        root, &(struct lockstep_json_list){"modules", LOCKSTEP_ITEMS_MAX, read_subject, request},
        &request->subjects_count, err));
    if (request->subjects_count == 0) {
        return LOCKSTEP_FAIL(err, INVALID, "\"modules\" names none");
    }
    return LOCKSTEP_OK;
}

static void drop_request(struct lockstep_probe_request **request)
{
    *request = lockstep_probe_request_free(*request);
}

enum lockstep_err lockstep_probe_request_parse(const char *text, size_t length,
                                               struct lockstep_probe_request **ret_request,
                                               struct lockstep_error *err)
{
    LOCKSTEP_JSON json_t *root = NULL;
    LOCKSTEP_CLEANUP(drop_request) struct lockstep_probe_request *request = NULL;
    LOCKSTEP_TRY(lockstep_json_document(text, length, LOCKSTEP_PROBE_REQUEST_SCHEMA, &root, err));
    request = lockstep_probe_request_new();
    if (request == NULL) {
        return LOCKSTEP_FAIL(err, NOMEM, "no memory for a request");
    }
    LOCKSTEP_TRY(read_request(request, root, err));
    *ret_request = request;
    request = NULL;
    return LOCKSTEP_OK;
}
