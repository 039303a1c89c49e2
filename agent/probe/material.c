/* Files, read by the half that has the right to open them. */
#include "agent/probe/trial.h"

#include "agent/probe/static_internal.h"
#include "agent/probe/trial_internal.h"
#include "common/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <string.h>
#include <sys/stat.h>

#define SNAPSHOT_MAX (1024ULL * 1024 * 1024) /* bytes of a state in canonical form */

/* Reads all of FD, a file or a sealed memfd. */
static bool read_blob(int fd, uint64_t max, struct lockstep_probe_blob *ret_blob)
{
    struct stat status;
    size_t got = 0;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || (uint64_t)status.st_size > max) {
        return false;
    }
    ret_blob->size = (size_t)status.st_size;
    ret_blob->bytes = malloc(ret_blob->size + 1);
    while (ret_blob->bytes != NULL && got < ret_blob->size) {
        ssize_t now = pread(fd, ret_blob->bytes + got, ret_blob->size - got, (off_t)got);
        if (now < 0 && errno == EINTR) {
            continue;
        }
        if (now <= 0) {
            return false;
        }
        got += (size_t)now;
    }
    if (ret_blob->bytes == NULL) {
        return false;
    }
    ret_blob->bytes[ret_blob->size] = '\0'; /* a configuration is a text */
    return true;
}

static int open_subject(const struct lockstep_probe_case *subject,
                        const struct lockstep_probe_subject *asked)
{
    int fd = asked->file_fd >= 0 ? fcntl(asked->file_fd, F_DUPFD_CLOEXEC, 3)
                                 : open(asked->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        FIND(subject, FILE_READABLE, "it cannot be opened: %s", strerror(errno));
    }
    return fd;
}

static void name_outcome(struct lockstep_probe_outcome *outcome,
                         const struct lockstep_probe_subject *asked)
{
    if (asked->file[0] != '\0') {
        memcpy(outcome->file, asked->file, sizeof(outcome->file));
    } else {
        (void)snprintf(outcome->file, sizeof(outcome->file), "descriptor %d", asked->file_fd);
    }
}

static void read_subject(struct lockstep_probe_trial *trial, size_t index)
{
    const struct lockstep_probe_subject *asked = &trial->request->subjects[index];
    struct lockstep_probe_material *material = &trial->material[index];
    struct lockstep_probe_case subject;
    LOCKSTEP_CLOSE int fd = -1;
    lockstep_probe_case_init(trial, index, &subject);
    name_outcome(&trial->verdict->subjects[index], asked);
    fd = open_subject(&subject, asked);
    if (fd < 0 || !lockstep_probe_artifact_read(&subject, fd, &material->artifact)) {
        return;
    }
    if (asked->config_fd >= 0 &&
        !read_blob(asked->config_fd, LOCKSTEP_MODULE_CONFIG_MAX, &material->config)) {
        FIND(&subject, FILE_READABLE, "its configuration cannot be read, or it is too large");
    }
    if (asked->snapshot_fd >= 0 &&
        !read_blob(asked->snapshot_fd, SNAPSHOT_MAX, &material->snapshot)) {
        FIND(&subject, FILE_READABLE, "the snapshot of its state cannot be read");
    }
}

void lockstep_probe_case_init(const struct lockstep_probe_trial *trial, size_t index,
                              struct lockstep_probe_case *ret_subject)
{
    ret_subject->policy = &trial->policy;
    ret_subject->expect = &trial->request->subjects[index].expect;
    ret_subject->verdict = trial->verdict;
    ret_subject->subject = index;
}

void lockstep_probe_trial_read(struct lockstep_probe_trial *trial)
{
    const struct lockstep_probe_request *request = trial->request;
    trial->policy = (struct lockstep_probe_policy){
        .libraries = request->libraries,
        .libraries_count = request->libraries_count,
        .file_bytes = request->file_bytes,
        .isa_level = lockstep_probe_isa_here(),
        .resolve = true,
    };
    trial->verdict->subjects_count = request->subjects_count;
    for (size_t i = 0; i < request->subjects_count; i++) {
        trial->verdict->subjects[i].waives = request->subjects[i].waives;
        read_subject(trial, i);
    }
}

void lockstep_probe_trial_static(struct lockstep_probe_trial *trial)
{
    for (size_t i = 0; i < trial->request->subjects_count; i++) {
        const struct lockstep_probe_artifact *artifact = &trial->material[i].artifact;
        struct lockstep_probe_case subject;
        lockstep_probe_case_init(trial, i, &subject);
        if (artifact->bytes != NULL) {
            lockstep_probe_static(&subject, artifact->bytes, artifact->size);
        }
    }
}

void lockstep_probe_trial_deinit(struct lockstep_probe_trial *trial)
{
    for (size_t i = 0; i < LOCKSTEP_ITEMS_MAX; i++) {
        lockstep_probe_artifact_deinit(&trial->material[i].artifact);
        free(trial->material[i].config.bytes);
        free(trial->material[i].snapshot.bytes);
    }
}

void lockstep_probe_stamp(struct lockstep_probe_verdict *verdict)
{
    static const char here;
    lockstep_probe_build_id_of(&here, verdict->probe_build_id);
    lockstep_probe_build_id_of(gnu_get_libc_version(), verdict->libc_build_id);
}
