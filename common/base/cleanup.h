/* Owned pointers and descriptors that release themselves at the end of their scope. */
#ifndef LOCKSTEP_BASE_CLEANUP_H
#define LOCKSTEP_BASE_CLEANUP_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* `LOCKSTEP_CLEANUP(f) T *x = NULL;` calls f(&x) when x goes out of scope. */
#define LOCKSTEP_CLEANUP(function) __attribute__((cleanup(function)))

/* Memory from malloc. Hand over with `*ret = x; x = NULL;`. */
#define LOCKSTEP_FREE LOCKSTEP_CLEANUP(lockstep_cleanup_free)

/* A descriptor, -1 when none. Hand over with `*ret = fd; fd = -1;`. */
#define LOCKSTEP_CLOSE LOCKSTEP_CLEANUP(lockstep_cleanup_close)

/* A stdio stream, NULL when none. */
#define LOCKSTEP_FCLOSE LOCKSTEP_CLEANUP(lockstep_cleanup_fclose)

static inline void lockstep_cleanup_free(void *pointer)
{
    void **owned = pointer;
    free(*owned);
    *owned = NULL;
}

static inline void lockstep_cleanup_close(const int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

static inline void lockstep_cleanup_fclose(FILE **stream)
{
    if (*stream != NULL) {
        (void)fclose(*stream);
    }
}

#endif
