/* What the files of the artifact store share. */
#ifndef LOCKSTEP_IO_ARTIFACTS_INTERNAL_H
#define LOCKSTEP_IO_ARTIFACTS_INTERNAL_H

#include "common/io/artifacts.h"

#define LOCKSTEP_ARTIFACT_FILE      (LOCKSTEP_DIGEST_TEXT + 16) /* a name in the store */
#define LOCKSTEP_ARTIFACT_TEMPORARY "new-"                      /* how unfinished ones begin */

struct lockstep_artifacts {
    int directory;
    char *path; /* for messages */
};

/* "<digest>.so" and the like. */
void lockstep_artifact_file(const struct lockstep_digest *digest, enum lockstep_artifact_file part,
                            char ret_name[LOCKSTEP_ARTIFACT_FILE]);
const char *lockstep_artifact_suffix(enum lockstep_artifact_file part);
/* Calls EACH with every name in the directory until it fails. */
typedef enum lockstep_err lockstep_artifact_name_fn(void *context, const char *name,
                                                    struct lockstep_error *err);
enum lockstep_err lockstep_artifact_names(const struct lockstep_artifacts *store,
                                          lockstep_artifact_name_fn *each, void *context,
                                          struct lockstep_error *err) LOCKSTEP_MUST_CHECK;

#endif
