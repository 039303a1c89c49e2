#include "coordinator/init.h"

#include "common/base/assert.h"
#include "common/io/bundle.h"
#include "common/io/keys.h"
#include "common/io/minisign.h"
#include "coordinator/store.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_SIZE 4096

static enum lockstep_err add_admin(struct lockstep_bundle *bundle,
                                   const struct lockstep_key_public *key,
                                   struct lockstep_error *err)
{
    struct lockstep_bundle_operator row = {.key = *key, .roles = LOCKSTEP_ROLES_PERSON};
    return lockstep_bundle_add_operator(bundle, &row, err);
}

static enum lockstep_err add_release(struct lockstep_bundle *bundle, const char *path,
                                     struct lockstep_error *err)
{
    struct lockstep_bundle_release row;
    char text[1024];
    FILE *file = fopen(path, "re");
    size_t length;
    memset(&row, 0, sizeof(row));
    if (file == NULL && lockstep_minisign_public_parse(path, &row.key, NULL) == LOCKSTEP_OK) {
        return lockstep_bundle_add_release(bundle, &row, err); /* the key itself was given */
    }
    if (file == NULL) {
        return LOCKSTEP_FAIL_ERRNO(err, "read the release key %s", path);
    }
    length = fread(text, 1, sizeof(text) - 1, file);
    (void)fclose(file);
    text[length] = '\0';
    if (lockstep_minisign_public_parse(text, &row.key, err) != LOCKSTEP_OK) {
        lockstep_error_wrap(err, "%s", path);
        return LOCKSTEP_INVALID;
    }
    return lockstep_bundle_add_release(bundle, &row, err);
}

/* The new admin's name: that of whoever runs this, if it makes one. */
static struct lockstep_name admin_name(void)
{
    struct lockstep_name name;
    const char *user = getenv("USER");
    if (user == NULL || !lockstep_name_parse(user, &name)) {
        (void)lockstep_name_parse("admin", &name);
    }
    return name;
}

/* PATH with its last suffix replaced by ".key". */
static void key_path(const char *path, char ret_path[PATH_SIZE])
{
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(path, '.');
    int length = (int)(dot == NULL || (slash != NULL && dot < slash) ? strlen(path)
                                                                     : (size_t)(dot - path));
    (void)snprintf(ret_path, PATH_SIZE, "%.*s.key", length, path);
}

static enum lockstep_err write_operator(const struct lockstep_config_coordinator *config,
                                        const struct lockstep_bundle *bundle, const char *path,
                                        const struct lockstep_key *key, struct lockstep_error *err)
{
    char secret[PATH_SIZE];
    char cluster[LOCKSTEP_ID_TEXT];
    char coordinator[LOCKSTEP_KEY_PUBLIC_TEXT];
    const char *name;
    FILE *file;
    int fd;
    key_path(path, secret);
    name = strrchr(secret, '/') == NULL ? secret : strrchr(secret, '/') + 1;
    LOCKSTEP_TRY(lockstep_key_write(key, secret, err));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        enum lockstep_err result = LOCKSTEP_FAIL_ERRNO(err, "write %s", path);
        (void)unlink(secret);
        return result;
    }
    lockstep_id_format(&bundle->cluster, cluster);
    lockstep_key_public_format(&bundle->coordinators[0], coordinator);
    (void)fprintf(file,
                  "# Made by lockstepd init: lockstep -c THIS-FILE status\n"
                  "coordinator: %s\ncluster: %s\ncoordinator_key: %s\nname: %s\n"
                  "channel_key: %s\nsign_key: %s\n",
                  config->listen.items[0], cluster, coordinator, key->open.name.text, name, name);
    return fclose(file) == 0 ? LOCKSTEP_OK : LOCKSTEP_FAIL_ERRNO(err, "write %s", path);
}

static enum lockstep_err fill_bundle(const struct lockstep_init *init,
                                     const struct lockstep_key *coordinator,
                                     const struct lockstep_key *admin,
                                     struct lockstep_bundle *bundle, struct lockstep_error *err)
{
    bundle->version = 1;
    bundle->admin_threshold = 1;
    bundle->release_threshold = 1;
    randombytes_buf(bundle->cluster.bytes, sizeof(bundle->cluster.bytes));
    LOCKSTEP_TRY(lockstep_bundle_add_coordinator(bundle, &coordinator->open, err));
    for (size_t i = 0; i < init->admin_count; i++) {
        struct lockstep_key_public key;
        LOCKSTEP_TRY(lockstep_key_public_parse(init->admins[i], &key, err));
        LOCKSTEP_TRY(add_admin(bundle, &key, err));
    }
    if (admin != NULL) {
        LOCKSTEP_TRY(add_admin(bundle, &admin->open, err));
    }
    for (size_t i = 0; i < init->release_count; i++) {
        LOCKSTEP_TRY(add_release(bundle, init->releases[i], err));
    }
    return LOCKSTEP_OK;
}

static enum lockstep_err write_all(const struct lockstep_config_coordinator *config,
                                   const struct lockstep_init *init,
                                   const struct lockstep_key *coordinator,
                                   const struct lockstep_key *admin, struct lockstep_bundle *bundle,
                                   struct lockstep_error *err)
{
    static const struct lockstep_audit audit = {
        .who = "lockstepd init", .what = "cluster.create", .subject = ""};
    char path[PATH_SIZE];
    char *text = malloc(LOCKSTEP_BUNDLE_MAX + 1);
    size_t length = 0;
    enum lockstep_err result = text == NULL
                                   ? LOCKSTEP_FAIL(err, NOMEM, "no memory for the trust bundle")
                                   : lockstep_bundle_encode(bundle, text, LOCKSTEP_BUNDLE_MAX + 1,
                                                            &length, err);
    if (result == LOCKSTEP_OK) {
        result = lockstep_store_create(config->data, &bundle->cluster, text, length, &audit, err);
    }
    free(text);
    LOCKSTEP_TRY(result);
    (void)snprintf(path, sizeof(path), "%s/key", config->data);
    LOCKSTEP_TRY(lockstep_key_write(coordinator, path, err));
    return admin == NULL ? LOCKSTEP_OK
                         : write_operator(config, bundle, init->new_admin, admin, err);
}

/* What would be found out too late, after the journal is made. */
static enum lockstep_err look_ahead(const struct lockstep_config_coordinator *config,
                                    const struct lockstep_init *init, struct lockstep_error *err)
{
    char path[PATH_SIZE];
    if (init->admin_count == 0 && init->new_admin == NULL) {
        return LOCKSTEP_FAIL(err, INVALID,
                             "nobody would administrate the cluster; give --new-admin FILE, or "
                             "--admin with the line that lockstep key generate printed");
    }
    (void)snprintf(path, sizeof(path), "%s/key", config->data);
    if (access(path, F_OK) == 0) {
        return LOCKSTEP_FAIL(err, CONFLICT, "%s is there already: this is a cluster", path);
    }
    if (init->new_admin == NULL) {
        return LOCKSTEP_OK;
    }
    key_path(init->new_admin, path);
    return access(init->new_admin, F_OK) == 0 || access(path, F_OK) == 0
               ? LOCKSTEP_FAIL(err, CONFLICT, "%s or its key is there already", init->new_admin)
               : LOCKSTEP_OK;
}

enum lockstep_err lockstep_coordinator_init(const struct lockstep_config_coordinator *config,
                                            const struct lockstep_init *init,
                                            struct lockstep_error *err)
{
    struct lockstep_bundle *bundle = calloc(1, sizeof(*bundle));
    struct lockstep_name own = {"coordinator"};
    struct lockstep_name name = admin_name();
    struct lockstep_key *coordinator = NULL;
    struct lockstep_key *admin = NULL;
    enum lockstep_err result = look_ahead(config, init, err);
    if (result == LOCKSTEP_OK && bundle == NULL) {
        result = LOCKSTEP_FAIL(err, NOMEM, "no memory for the trust bundle");
    }
    if (result == LOCKSTEP_OK) {
        result = lockstep_key_new(&own, &coordinator, err);
    }
    if (result == LOCKSTEP_OK && init->new_admin != NULL) {
        result = lockstep_key_new(&name, &admin, err);
    }
    if (result == LOCKSTEP_OK) {
        result = fill_bundle(init, coordinator, admin, bundle, err);
    }
    if (result == LOCKSTEP_OK) {
        result = write_all(config, init, coordinator, admin, bundle, err);
    }
    (void)lockstep_key_free(coordinator);
    (void)lockstep_key_free(admin);
    free(bundle);
    return result;
}
