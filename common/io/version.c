#include "common/io/manifest.h"

#include <string.h>

#define DIGITS "0123456789"

/* What a version goes on with, in order: a pre-release comes before the end, the end before more.
 */
enum rank { RANK_PRERELEASE, RANK_END, RANK_MORE };

static enum rank rank_of(const char *text)
{
    if (*text == '-') {
        return RANK_PRERELEASE;
    }
    return *text == '\0' || *text == '+' ? RANK_END : RANK_MORE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Compares the numbers that *A and *B begin with and moves behind them. However long they are. */
static int compare_numbers(const char **a, const char **b)
{
    size_t a_length;
    size_t b_length;
    int order;
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    a_length = strspn(*a, DIGITS);
    b_length = strspn(*b, DIGITS);
    if (a_length != b_length) {
        return a_length < b_length ? -1 : 1;
    }
    order = memcmp(*a, *b, a_length);
    *a += a_length;
    *b += b_length;
    return order;
}

int lockstep_version_compare(const char *a, const char *b)
{
    for (;;) {
        enum rank left = rank_of(a);
        enum rank right = rank_of(b);
        int order = 0;
        if (left != right) {
            return left < right ? -1 : 1;
        }
        if (left == RANK_END) {
            return 0;
        }
        if (is_digit(*a) && is_digit(*b)) {
            order = compare_numbers(&a, &b);
        } else {
            order = (unsigned char)*a++ - (unsigned char)*b++;
        }
        if (order != 0) {
            return order;
        }
    }
}
