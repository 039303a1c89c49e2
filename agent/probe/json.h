/*
 * Fields of JSON objects, read with their bounds. A field that is absent leaves its target as it
 * was; one of the wrong type or out of bounds is an error. Internal to the contract.
 */
#ifndef LOCKSTEP_PROBE_JSON_H
#define LOCKSTEP_PROBE_JSON_H

#include "common/base/attr.h"
#include "common/base/error.h"
#include "common/base/ids.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One json_t reference, released at the end of its scope. */
#define LOCKSTEP_JSON LOCKSTEP_CLEANUP(lockstep_cleanup_json)
void lockstep_cleanup_json(json_t **json);

enum lockstep_err lockstep_json_text(const json_t *object, const char *key, char *ret_text,
                                     size_t size, struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_json_u64(const json_t *object, const char *key, uint64_t *ret_value,
                                    struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* A descriptor's number. */
enum lockstep_err lockstep_json_fd(const json_t *object, const char *key, int *ret_fd,
                                   struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_json_bool(const json_t *object, const char *key, bool *ret_value,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_json_name(const json_t *object, const char *key,
                                     struct lockstep_name *ret_name,
                                     struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
enum lockstep_err lockstep_json_digest(const json_t *object, const char *key,
                                       struct lockstep_digest *ret_digest,
                                       struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* Called for element INDEX of an array. */
typedef enum lockstep_err lockstep_json_element_fn(void *target, const json_t *element,
                                                   size_t index, struct lockstep_error *err);
/* An array that is to be read: where it is, how long it may be, and what takes its elements. */
struct lockstep_json_list {
    const char *key;
    size_t max;
    lockstep_json_element_fn *read;
    void *target;
};

/* Reads an array; *ret_count is how many elements it has. */
enum lockstep_err lockstep_json_array(const json_t *object, const struct lockstep_json_list *list,
                                      size_t *ret_count,
                                      struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* The document TEXT, whose "schema" must be SCHEMA. *RET_ROOT is the caller's. */
enum lockstep_err lockstep_json_document(const char *text, size_t length, const char *schema,
                                         json_t **ret_root,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

/* TEXT as a JSON string; what is not UTF-8 becomes '?'. */
json_t *lockstep_json_string(const char *text);
/* Sets KEY unless TEXT is empty. */
void lockstep_json_set_text(json_t *object, const char *key, const char *text);
void lockstep_json_set_u64(json_t *object, const char *key, uint64_t value);
void lockstep_json_set_bool(json_t *object, const char *key, bool value);
/* Sets KEY unless DIGEST is zero. */
void lockstep_json_set_digest(json_t *object, const char *key,
                              const struct lockstep_digest *digest);

#endif
