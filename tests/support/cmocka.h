/* cmocka with the headers it wants before itself, and one way to run a table. */
#ifndef LOCKSTEP_TESTS_SUPPORT_CMOCKA_H
#define LOCKSTEP_TESTS_SUPPORT_CMOCKA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>

#include <cmocka.h> /* needs the headers above */

/*
 * Runs CHECK once for each row of TABLE (an array of structs whose first member is
 * `const char *name`) as a test of its own, so the report names the row that failed and the rows
 * behind it still run. Evaluates to the number of failures.
 */
#define LOCKSTEP_RUN_TABLE(group, table, check)                                                  \
    lockstep_run_table((group), (table), sizeof((table)[0]), sizeof(table) / sizeof((table)[0]), \
                       (check))

int lockstep_run_table(const char *group, const void *rows, size_t row_size, size_t count,
                       void (*check)(void **state));

#endif
