#include "tests/support/cmocka.h"

#include <stdlib.h>

int lockstep_run_table(const char *group, const void *rows, size_t row_size, size_t count,
                       void (*check)(void **state))
{
    struct CMUnitTest *tests = calloc(count, sizeof(*tests));
    int failed;
    if (tests == NULL) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        union {
            const void *in;
            void *out;
        } row = {.in = (const char *)rows + i * row_size};
        tests[i].name = *(const char *const *)row.in;
        tests[i].test_func = check;
        tests[i].initial_state = row.out;
    }
    failed = _cmocka_run_group_tests(group, tests, count, NULL, NULL);
    free(tests);
    return failed;
}
