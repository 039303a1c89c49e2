/* Every fuzz target has seeds, and no seeds or words are left of a target that is gone. */
#include "common/base/limits.h"
#include "tests/support/seeds.h"

#include <glob.h>
#include <unistd.h>

#define FUZZ LOCKSTEP_SOURCE_DIR "/tests/fuzz/"

static void ignore(const uint8_t *bytes, size_t size)
{
    (void)bytes;
    (void)size;
}

/* Calls CHECK with the names of what PATTERN finds, without folder and SUFFIX. */
static void each_name(const char *pattern, const char *suffix, void (*check)(const char *name))
{
    glob_t found;
    assert_int_equal(glob(pattern, 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *base = strrchr(found.gl_pathv[i], '/') + 1;
        char name[128];
        assert_true(strlen(base) < sizeof(name) && strlen(base) > strlen(suffix));
        (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(base) - strlen(suffix)), base);
        check(name);
    }
    globfree(&found);
}

static void has_seeds(const char *name)
{
    if (seeds_each(name, ignore) == 0) {
        fail_msg("tests/fuzz/%s_fuzz.c has no tests/fuzz/seeds/%s", name, name);
    }
}

static void has_target(const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof(path), FUZZ "%s_fuzz.c", name);
    if (access(path, R_OK) != 0) {
        fail_msg("there is no tests/fuzz/%s_fuzz.c", name);
    }
}

static void every_target_has_seeds(void **state)
{
    (void)state;
    each_name(FUZZ "*_fuzz.c", "_fuzz.c", has_seeds);
}

static void every_seed_has_a_target(void **state)
{
    (void)state;
    each_name(FUZZ "seeds/*", "", has_target);
    each_name(FUZZ "dict/*.dict", ".dict", has_target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_target_has_seeds),
        cmocka_unit_test(every_seed_has_a_target),
    };
    return cmocka_run_group_tests_name("fuzz targets", tests, NULL, NULL);
}
