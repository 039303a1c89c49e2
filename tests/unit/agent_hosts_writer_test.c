/* Bases as files: the last order counts, and what is left is done at the end. */
#include "agent/hosts_writer.h"
#include "tests/support/cmocka.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TOO_MUCH ((off_t)64 * 1024 * 1024 + 1)

struct room {
    struct lockstep_hosts *hosts;
    char directory[64];
    char path[80];
};

static int set_up(void **state)
{
    struct room *room = calloc(1, sizeof(*room));
    assert_non_null(room);
    room->hosts = calloc(1, sizeof(*room->hosts));
    assert_non_null(room->hosts);
    (void)snprintf(room->directory, sizeof(room->directory), "/tmp/lockstep-writer-XXXXXX");
    assert_non_null(mkdtemp(room->directory));
    (void)snprintf(room->path, sizeof(room->path), "%s/a.state", room->directory);
    *state = room;
    return 0;
}

static int tear_down(void **state)
{
    struct room *room = *state;
    room->hosts->writer = lockstep_hosts_writer_free(room->hosts->writer);
    (void)unlink(room->path);
    assert_int_equal(rmdir(room->directory), 0); /* nothing else is left in it */
    free(room->hosts);
    free(room);
    return 0;
}

static void put(struct room *room, const char *text)
{
    int fd = memfd_create("base", MFD_CLOEXEC);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    lockstep_hosts_writer_put(room->hosts, room->path, fd);
    (void)close(fd);
}

static void expect(const struct room *room, const char *wanted)
{
    char text[32] = "";
    int fd = open(room->path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(read(fd, text, sizeof(text) - 1), strlen(wanted));
    assert_string_equal(text, wanted);
    (void)close(fd);
}

static void the_last_counts(void **state)
{
    struct room *room = *state;
    char text[32];
    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof(text), "base %d", i);
        put(room, text);
    }
    lockstep_hosts_writer_await(room->hosts, room->path);
    expect(room, "base 49");
    put(room, "another");
    lockstep_hosts_writer_put(room->hosts, room->path, -1);
    lockstep_hosts_writer_await(room->hosts, room->path);
    assert_int_equal(access(room->path, F_OK), -1);
}

static void too_much_is_none(void **state)
{
    struct room *room = *state;
    int fd = memfd_create("base", MFD_CLOEXEC);
    put(room, "older");
    lockstep_hosts_writer_await(room->hosts, room->path);
    assert_int_equal(ftruncate(fd, TOO_MUCH), 0);
    lockstep_hosts_writer_put(room->hosts, room->path, fd);
    (void)close(fd);
    lockstep_hosts_writer_await(room->hosts, room->path);
    assert_int_equal(access(room->path, F_OK), -1);
}

static void what_is_left_is_done(void **state)
{
    struct room *room = *state;
    put(room, "first");
    put(room, "last");
    room->hosts->writer = lockstep_hosts_writer_free(room->hosts->writer);
    expect(room, "last");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_last_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_much_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_is_done, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("hosts_writer", tests, NULL, NULL);
}
