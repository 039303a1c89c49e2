/*
 * Documents: JSON from the coordinator (PROTOCOL.md, "Documents"), put together from pieces within
 * LOCKSTEP_DOCUMENT_MAX, and read without trusting it: what is absent or of another type is empty.
 */
#ifndef LOCKSTEP_COORDINATOR_CLI_DOCUMENT_H
#define LOCKSTEP_COORDINATOR_CLI_DOCUMENT_H

#include "common/base/attr.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A json_t reference that is given back at the end of its scope. */
#define LOCKSTEP_DECREF LOCKSTEP_CLEANUP(lockstep_document_cleanup)
void lockstep_document_cleanup(json_t **json);

/* A document that is arriving. Zero-initialise; release with _deinit. */
struct lockstep_document {
    char *bytes; /* owned */
    size_t length;
    size_t room;
};

/* Appends a piece. LIMIT, NOMEM. */
enum lockstep_err lockstep_document_take(struct lockstep_document *document, const void *bytes,
                                         size_t length,
                                         struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Parses what has come and empties DOCUMENT. *RET_JSON is the caller's. INVALID if it is no JSON
 * object with a schema. */
enum lockstep_err lockstep_document_finish(struct lockstep_document *document, json_t **ret_json,
                                           struct lockstep_error *err) LOCKSTEP_MUST_CHECK;
/* Frees; twice is fine. */
void lockstep_document_deinit(struct lockstep_document *document);

/* True if the schema is lockstep/THING/v1. */
bool lockstep_document_is(const json_t *document, const char *thing);
/* A member's text or "", number or 0. Borrowed from OBJECT. */
const char *lockstep_document_text(const json_t *object, const char *key);
uint64_t lockstep_document_number(const json_t *object, const char *key);

#endif
