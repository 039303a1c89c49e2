/* A page as its host left it, and as somebody else may have made it. */
#include "common/hostwire/crash_page.h"

#include "tests/support/cmocka.h"

#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    struct lockstep_crash_page *page = calloc(1, sizeof(*page));
    assert_non_null(page);
    page->magic = LOCKSTEP_CRASH_MAGIC;
    page->signal = 11;
    page->images[3] = (struct lockstep_crash_image){
        .base = 0x1000, .text = 0x2000, .size = 0x1000, .build_id_size = 20};
    (void)snprintf(page->images[3].module, sizeof(page->images[3].module), "pay");
    (void)snprintf(page->images[3].version, sizeof(page->images[3].version), "2.0.0");
    page->thread_count = 1;
    page->threads[0] = (struct lockstep_crash_thread){1, 1, {3}};
    *state = page;
    return 0;
}

static int tear_down(void **state)
{
    free(*state);
    return 0;
}

static void check_sound(void **state)
{
    struct lockstep_crash_page *page = *state;
    assert_true(lockstep_crash_page_take(page));
    assert_int_equal(page->signal, 11);
    assert_ptr_equal(lockstep_crash_page_image(page, 0x2000), &page->images[3]);
    assert_ptr_equal(lockstep_crash_page_image(page, 0x2fff), &page->images[3]);
    assert_null(lockstep_crash_page_image(page, 0x3000));
    assert_null(lockstep_crash_page_image(page, 0x1fff));
    assert_null(lockstep_crash_page_image(page, 0));
    assert_int_equal(page->threads[0].inside_count, 1);
}

static void check_another(void **state)
{
    struct lockstep_crash_page *page = *state;
    page->magic++;
    assert_false(lockstep_crash_page_take(page));
}

static void check_counts(void **state)
{
    struct lockstep_crash_page *page = *state;
    page->frame_count = UINT32_MAX;
    page->thread_count = UINT32_MAX;
    page->signal = UINT32_MAX;
    page->images[3].build_id_size = UINT32_MAX;
    page->threads[0].inside_count = UINT32_MAX;
    page->threads[0].inside[1] = UINT32_MAX;
    page->threads[0].inside[2] = 4; /* no image */
    page->threads[0].inside[3] = 0;
    assert_true(lockstep_crash_page_take(page));
    assert_int_equal(page->frame_count, LOCKSTEP_CRASH_FRAMES);
    assert_int_equal(page->thread_count, LOCKSTEP_CRASH_THREADS);
    assert_int_equal(page->signal, 0);
    assert_int_equal(page->images[3].build_id_size, 0);
    assert_int_equal(page->threads[0].inside_count, 1);
}

static void check_texts(void **state)
{
    struct lockstep_crash_page *page = *state;
    memset(page->tool, 'a', sizeof(page->tool));
    (void)snprintf(page->images[3].version, sizeof(page->images[3].version), "2\nwhat: lies");
    page->images[4] = page->images[3];
    (void)snprintf(page->images[4].module, sizeof(page->images[4].module), "../pay");
    page->images[5] = page->images[3];
    memset(page->images[5].module, 'a', sizeof(page->images[5].module));
    assert_true(lockstep_crash_page_take(page));
    assert_int_equal(strlen(page->tool), sizeof(page->tool) - 1);
    assert_string_equal(page->images[3].version, "2");
    assert_int_equal(page->images[4].size, 0);
    assert_int_equal(strlen(page->images[5].module), LOCKSTEP_NAME_MAX);
}

static void check_places(void **state)
{
    struct lockstep_crash_page *page = *state;
    page->images[4] = page->images[3];
    page->images[4].size = UINT64_MAX; /* beyond the end of all addresses */
    page->images[5] = page->images[3];
    page->images[5].base = 0x3000; /* offsets would be negative */
    assert_true(lockstep_crash_page_take(page));
    assert_int_equal(page->images[4].size, 0);
    assert_int_equal(page->images[5].size, 0);
}

static void check_fingerprints(void **state)
{
    uint64_t one = lockstep_crash_fingerprint("pay.get", "ann", 3);
    (void)state;
    assert_int_equal(one, lockstep_crash_fingerprint("pay.get", "annX", 3));
    assert_int_not_equal(one, lockstep_crash_fingerprint("pay.get", "ann", 2));
    assert_int_not_equal(one, lockstep_crash_fingerprint("pay.geta", "nn", 2));
    assert_int_not_equal(0, lockstep_crash_fingerprint("", "", 0));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(check_sound, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_texts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(check_places, set_up, tear_down),
        cmocka_unit_test(check_fingerprints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
