/* The keys that a node believes or does not, and the directory of a node that is done. */
#ifndef LOCKSTEP_TESTS_SUPPORT_AGENT_TRUST_H
#define LOCKSTEP_TESTS_SUPPORT_AGENT_TRUST_H

#include "common/io/keys.h"
#include "tests/support/cmocka.h"

#include <ftw.h>
#include <stdio.h>

static inline struct lockstep_name name_of(const char *text)
{
    struct lockstep_name name;
    assert_true(lockstep_name_parse(text, &name));
    return name;
}

static inline struct lockstep_key *new_key(const char *text)
{
    struct lockstep_name name = name_of(text);
    struct lockstep_key *key = NULL;
    assert_int_equal(lockstep_key_new(&name, &key, NULL), LOCKSTEP_OK);
    return key;
}

static inline int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)type;
    (void)where;
    return remove(path);
}

/* With all that is in it. */
static inline void remove_directory(const char *directory)
{
    assert_int_equal(nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
