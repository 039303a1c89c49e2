/* The command in a world of its own, with a coordinator that says what the test wants. */
#ifndef LOCKSTEP_TESTS_SUPPORT_CLI_WORLD_H
#define LOCKSTEP_TESTS_SUPPORT_CLI_WORLD_H

#include "common/base/cleanup.h"
#include "common/io/link.h"
#include "common/io/minisign.h"
#include "coordinator/cli/command.h"
#include "tests/support/cmocka.h"
#include "tests/support/fake_coordinator.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define OURS "bcdefghijklmnopqrstuvwxyaa"

struct world {
    char directory[64];
    char config[128];
    char key[128];
    char release[128];
    char out[128];
    char err[128];
    uint8_t secret[32];
    uint8_t open[32];
};

static void write_file(const char *path, const char *text)
{
    LOCKSTEP_FCLOSE FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
}

static char *read_back(const char *path)
{
    LOCKSTEP_FCLOSE FILE *file = fopen(path, "r");
    char *text = calloc(1, 65536);
    assert_non_null(file);
    assert_non_null(text);
    (void)fread(text, 1, 65535, file);
    return text;
}

static int run_command(const struct world *world, char **argv, int argc)
{
    LOCKSTEP_FCLOSE FILE *out = fopen(world->out, "w");
    LOCKSTEP_FCLOSE FILE *err = fopen(world->err, "w");
    assert_non_null(out);
    assert_non_null(err);
    return lockstep_command_main(argc, argv, out, err);
}

static int split(char *text, char **ret_words, int max)
{
    int count = 0;
    char *rest = NULL;
    for (char *word = strtok_r(text, " ", &rest); word != NULL && count < max;
         word = strtok_r(NULL, " ", &rest)) {
        ret_words[count++] = word;
    }
    return count;
}

static void set_up(struct world *world, const char *url)
{
    struct lockstep_name name;
    struct lockstep_key *key = NULL;
    struct lockstep_minisign_key *release = NULL;
    char hex[65];
    char text[512];
    assert_true(lockstep_name_parse("ana", &name));
    assert_int_equal(lockstep_key_new(&name, &key, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_key_write(key, world->key, NULL), LOCKSTEP_OK);
    (void)lockstep_key_free(key);
    assert_int_equal(lockstep_minisign_new(&release, NULL), LOCKSTEP_OK);
    assert_int_equal(lockstep_minisign_write(release, world->release, NULL), LOCKSTEP_OK);
    (void)lockstep_minisign_free(release);
    lockstep_hex_format(world->open, 32, hex);
    (void)snprintf(text, sizeof(text),
                   "coordinator: %s\ncluster: " OURS "\ncoordinator_key: %s\nname: ana\n"
                   "channel_key: key\nsign_key: key\n",
                   url, hex);
    write_file(world->config, text);
}

static void make_world(struct world *world)
{
    struct lockstep_name name;
    struct lockstep_key *key = NULL;
    *world = (struct world){.directory = "/tmp/lockstep-cli-XXXXXX"};
    assert_non_null(mkdtemp(world->directory));
    (void)snprintf(world->config, sizeof(world->config), "%s/config.yaml", world->directory);
    (void)snprintf(world->key, sizeof(world->key), "%s/key", world->directory);
    (void)snprintf(world->release, sizeof(world->release), "%s/release", world->directory);
    (void)snprintf(world->out, sizeof(world->out), "%s/out", world->directory);
    (void)snprintf(world->err, sizeof(world->err), "%s/err", world->directory);
    assert_true(lockstep_name_parse("c1", &name));
    assert_int_equal(lockstep_key_new(&name, &key, NULL), LOCKSTEP_OK);
    memcpy(world->secret, key->channel_secret, 32);
    memcpy(world->open, key->open.channel, 32);
    (void)lockstep_key_free(key);
}

static void drop_world(const struct world *world)
{
    (void)unlink(world->config);
    (void)unlink(world->key);
    (void)unlink(world->release);
    (void)unlink(world->out);
    (void)unlink(world->err);
    assert_int_equal(rmdir(world->directory), 0);
}

static void expect(const char *what, const char *path, const char *part)
{
    LOCKSTEP_FREE char *text = read_back(path);
    if (part == NULL ? text[0] != '\0' && strcmp(what, "err") == 0 : strstr(text, part) == NULL) {
        fail_msg("%s is\n%s\nand not\n%s", what, text, part == NULL ? "" : part);
    }
}

#endif
